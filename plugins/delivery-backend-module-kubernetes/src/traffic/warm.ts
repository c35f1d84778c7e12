import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { refOf } from '../client';
import { accepted, knownToDataPlane } from './accepted';
import { TrafficContext } from './context';
import { LiveRoute, LiveTraffic, routeId } from './live';
import { readRoutes, revisionOf } from './marks';
import { routePart, TrafficPart } from './parts';
import { putRoutes } from './put';
import { sharesOf, weightsInForce } from './shares';

/**
 * Brings backends that are to get a share into the routes without any, so that
 * the data plane has connections and endpoints before the first request.
 * `undefined`: the gateways have not taken them yet.
 */
export async function warm(
  context: TrafficContext,
  live: LiveTraffic,
  routes: LiveRoute[],
  fence: Fence,
  given: Array<{ generation: string }>,
  signal: AbortSignal,
): Promise<LiveRoute[] | undefined> {
  if (live.inPlace) {
    return routes;
  }
  const missing = (route: LiveRoute) => {
    const there = weightsInForce(route, live).map(({ service }) => service);
    const mains = route.router
      .splits(route.object, live.backends)
      .map(({ main }) => main);
    return mains
      .flatMap(main =>
        given.map(({ generation }) => live.backends.name(main, generation)),
      )
      .filter(name => !there.includes(name));
  };
  const cold = routes.filter(route => missing(route).length > 0);
  if (cold.length === 0) {
    return routes;
  }
  const written = await putRoutes(
    context,
    cold,
    route => warmPart(route, live, fence),
    signal,
  );
  if (!(await accepted(context, written, signal))) {
    return undefined;
  }
  await knownToDataPlane(context.metrics, live, cold.flatMap(missing), signal);
  const renewed = new Map(written.map(route => [routeId(route.object), route]));
  return await Promise.all(
    routes.map(async ({ object, router }) => ({
      router,
      object:
        (renewed.has(routeId(object))
          ? await context.cluster.client.get(refOf(object), signal)
          : object) ?? object,
    })),
  );
}

/** As it is now, with all that have a Service of their own beside it. */
export function warmPart(
  route: LiveRoute,
  live: LiveTraffic,
  { epoch }: Fence,
): TrafficPart {
  const { object, router } = route;
  const toMain = router
    .splits(object, live.backends)
    .some(({ weights }) =>
      weights.some(({ generation, weight }) => !generation && weight > 0),
    );
  const found = sharesOf(route, live, []);
  const shares = found.type === 'lost' || toMain ? [] : found.shares;
  return routePart(
    object,
    router,
    live,
    { epoch, revision: revisionOf(object) },
    shares,
    readRoutes(object),
  );
}
