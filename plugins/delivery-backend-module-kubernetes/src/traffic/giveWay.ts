import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { selected } from './accepted';
import { TrafficContext } from './context';
import { readLive } from './live';
import { assertNotStale } from './marks';
import { servicePart } from './parts';
import { put, withRetries } from './put';
import { selectorOf } from './services';

/** See `ClusterTraffic.giveWay`. */
export async function giveWay(
  context: TrafficContext,
  target: TargetRef,
  fence: Fence,
  signal: AbortSignal,
): Promise<void> {
  await withRetries(async () => {
    const live = await readLive(
      context.cluster,
      context.routers,
      target,
      signal,
    );
    if (!live.adopted || live.workloads.length > 0) {
      return;
    }
    assertNotStale(live.services, fence);
    const written = await Promise.all(
      live.services.map(service =>
        put(
          context,
          service,
          servicePart(service, live, fence, [], []),
          'selector',
          signal,
        ),
      ),
    );
    await selected(
      context.cluster,
      target,
      live,
      written.map(selectorOf),
      [],
      signal,
    );
  });
}
