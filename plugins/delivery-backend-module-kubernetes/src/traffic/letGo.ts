import { ConflictError } from '@backstage/errors';
import {
  TargetRef,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { accepted, heard, knownToDataPlane, selected } from './accepted';
import { TrafficContext } from './context';
import { LiveRoute, LiveTraffic, readLive } from './live';
import { assertNotStale, readRoutes, revisionOf } from './marks';
import { routePart, servicePart, TrafficPart } from './parts';
import { put, putRoutes, sends, withRetries } from './put';
import { Backends } from './router';
import { selectorOf } from './services';
import { sharesOf, weightsInForce } from './shares';

/**
 * A copy that leaves while a busy gateway still sends to it refuses requests,
 * and nobody waits for a giving back.
 */
const HEARD_FOR_SURE_MS = 1_500;
/** No generation is called so: it stands for the main Service itself. */
const ITSELF = 'main service itself';

/**
 * Turns a target whose pods are in place back to its main Services, as it would
 * be without generations, in the order that loses no request:
 *
 *     selectors take the pods by the Plan's labels -> the main Services come
 *     into the routes without weight -> the data plane knows them -> they get
 *     all requests -> the data plane has heard it -> the copies are taken out
 *
 * `false`: the gateways have not taken it yet; to be called again.
 *
 * Errors: `StaleEpochError`; `ConflictError` while several Deployments run.
 */
export async function letGo(
  context: TrafficContext,
  target: TargetRef,
  fence: Fence,
  signal: AbortSignal,
): Promise<boolean> {
  let done = false;
  await withRetries(async () => {
    const live = await readLive(
      context.cluster,
      context.routers,
      target,
      signal,
    );
    assertNotStale(
      [...live.services, ...live.routes.map(({ object }) => object)],
      fence,
    );
    if (!live.inPlace) {
      throw new ConflictError(
        'Requests are turned back to the Services once everything of the target runs in one Deployment',
      );
    }
    done = await turnBack(context, target, live, fence, signal);
  });
  return done;
}

async function turnBack(
  context: TrafficContext,
  target: TargetRef,
  live: LiveTraffic,
  fence: Fence,
  signal: AbortSignal,
): Promise<boolean> {
  const shares = live.stable ? [{ generation: live.stable, percent: 100 }] : [];
  const widened = await Promise.all(
    live.services.map(service =>
      put(
        context,
        service,
        servicePart(service, live, fence, shares, []),
        'selector',
        signal,
      ),
    ),
  );
  const follow = await selected(
    context.cluster,
    target,
    live,
    widened.map(selectorOf),
    shares,
    signal,
  );
  if (!follow) {
    return false;
  }
  const routed = live.routes.filter(route => sends(route, live));
  const cold = routed.filter(route => mainsMissing(route, live).length > 0);
  const warmed = await putRoutes(
    context,
    cold,
    route => warmPart(route, live, fence),
    signal,
  );
  if (!(await accepted(context, warmed, signal))) {
    return false;
  }
  if (cold.length > 0) {
    await knownToDataPlane(
      context.metrics,
      live,
      cold.flatMap(route => mainsMissing(route, live)),
      signal,
    );
  }
  // First they get everything, and only then the copies leave the routes: a data
  // plane hears of weights and of backends in streams of their own, and refuses
  // requests that it still sends to a backend that has left.
  const copies = live.backends;
  const none: Backends = { ...copies, generations: () => [] };
  return (
    (await turnTo(context, target, copies, fence, shares, signal)) &&
    (await turnTo(context, target, none, fence, shares, signal))
  );
}

/** All to the main Services, with these copies beside them, and seen in force. */
async function turnTo(
  context: TrafficContext,
  target: TargetRef,
  backends: Backends,
  fence: Fence,
  shares: TrafficShare[],
  signal: AbortSignal,
): Promise<boolean> {
  const live = await readLive(context.cluster, context.routers, target, signal);
  const routes = live.routes.filter(route => sends(route, live));
  const partOf = ({ object, router }: LiveRoute) =>
    routePart(object, router, { backends, inPlace: true }, fence, shares, []);
  const written = await putRoutes(context, routes, partOf, signal);
  if (!(await accepted(context, written, signal))) {
    return false;
  }
  if (routes.length > 0) {
    await heard(signal, HEARD_FOR_SURE_MS);
  }
  return true;
}

function mainsMissing(route: LiveRoute, live: LiveTraffic): string[] {
  const there = weightsInForce(route, live).map(({ service }) => service);
  return route.router
    .splits(route.object, live.backends)
    .map(({ main }) => main)
    .filter(main => !there.includes(main));
}

/** As it is now, with the main Services beside it. */
function warmPart(
  route: LiveRoute,
  live: LiveTraffic,
  { epoch }: Fence,
): TrafficPart {
  const { object, router } = route;
  const { backends } = live;
  const found = sharesOf(route, live, []);
  return routePart(
    object,
    router,
    {
      inPlace: false,
      backends: {
        ...backends,
        name: (main, generation) =>
          generation === ITSELF ? main : backends.name(main, generation),
        generations: main => [...backends.generations(main), ITSELF],
      },
    },
    { epoch, revision: revisionOf(object) },
    found.type === 'lost' ? [] : found.shares,
    readRoutes(object),
  );
}
