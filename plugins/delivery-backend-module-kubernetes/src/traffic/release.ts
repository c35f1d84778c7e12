import { ConflictError } from '@backstage/errors';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { accepted } from './accepted';
import { TrafficContext } from './context';
import { readLive, routeId } from './live';
import { assertNotStale } from './marks';
import { putRoutes, withRetries } from './put';
import { sharesOf } from './shares';
import { warmPart } from './warm';

/**
 * Takes a generation without a share out of the routes, before its Services
 * are deleted. See `ClusterTraffic.release`.
 */
export async function releaseGeneration(
  context: TrafficContext,
  target: TargetRef,
  fence: Fence,
  generation: string,
  signal: AbortSignal,
): Promise<void> {
  await withRetries(async () => {
    const live = await readLive(
      context.cluster,
      context.routers,
      target,
      signal,
    );
    assertNotStale(
      live.routes.map(({ object }) => object),
      fence,
    );
    const { backends } = live;
    const without = {
      ...live,
      backends: {
        ...backends,
        generations: (main: string) =>
          backends.generations(main).filter(name => name !== generation),
      },
    };
    const naming = live.routes.filter(({ object, router }) =>
      router
        .splits(object, backends)
        .some(({ weights }) =>
          weights.some(weight => weight.generation === generation),
        ),
    );
    for (const route of naming) {
      const found = sharesOf(route, live, []);
      const shares = found.type === 'lost' ? [] : found.shares;
      const beside = route.router.routes(route.object, backends);
      if (
        [...shares, ...beside].some(given => given.generation === generation)
      ) {
        throw new ConflictError(
          `${routeId(route.object)} still gives requests to ${generation}`,
        );
      }
    }
    const written = await putRoutes(
      context,
      naming,
      route => warmPart(route, without, fence),
      signal,
    );
    await accepted(context, written, signal);
  });
}
