import { ConflictError, InputError } from '@backstage/errors';
import {
  stringifyTarget,
  TargetRef,
  TrafficRoute,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { accepted, selected } from './accepted';
import { fitInstances } from './byInstances';
import { TrafficContext } from './context';
import { describeEditor, editorOf } from './editors';
import { LiveTraffic, readLive, routeId } from './live';
import { assertNotStale, marks } from './marks';
import { routePart, servicePart } from './parts';
import { put, putRoutes, sends, withRetries } from './put';
import { selectorOf } from './services';
import { weightsInForce } from './shares';
import { warm } from './warm';
import { onlyReady } from './weights';

/**
 * Brings shares about, in the order that loses no request:
 *
 *     backends that are new, without weight -> the data plane knows them
 *     -> weights of ready capacity -> the gateways say that they took them
 *     -> selectors of the main Services
 *
 * Where Kubernetes leads, selectors come first: they only ever grow there.
 * Without a route there are the selectors only, once no generation has more
 * instances than its share allows.
 * When the gateways do not answer in time the selectors stay, and with them
 * the revision that `observe` tells: the engine comes again.
 */
export async function requestShares(
  context: TrafficContext,
  target: TargetRef,
  fence: Fence,
  shares: TrafficShare[],
  signal: AbortSignal,
  routes: TrafficRoute[] = [],
): Promise<void> {
  await withRetries(async () => {
    const live = await readLive(
      context.cluster,
      context.routers,
      target,
      signal,
    );
    await write(context, target, live, fence, { shares, routes }, signal);
  });
}

async function write(
  context: TrafficContext,
  target: TargetRef,
  live: LiveTraffic,
  fence: Fence,
  asked: { shares: TrafficShare[]; routes: TrafficRoute[] },
  signal: AbortSignal,
): Promise<void> {
  const { shares } = asked;
  const { services, workloads } = live;
  assertNotStale(
    [...services, ...live.routes.map(({ object }) => object), ...workloads],
    fence,
  );
  assertPossible(context, live, asked.routes);
  const routes = asked.routes.filter(
    ({ generation }) => !live.inPlace && live.readyOf(generation) > 0,
  );
  const given = live.inPlace
    ? shares.filter(({ percent }) => percent > 0)
    : onlyReady(shares, live.readyOf);
  if (wouldBreak(live, given)) {
    context.logger.info(
      `Traffic of ${stringifyTarget(
        target,
      )} stays where it is: nothing of ${given
        .map(({ generation }) => generation)
        .join(', ')} is ready`,
    );
    return;
  }
  if (services.length === 0) {
    await Promise.all(
      workloads.map(workload =>
        put(
          context,
          workload,
          { annotations: marks(fence, given) },
          undefined,
          signal,
        ),
      ),
    );
    return;
  }
  if (
    !live.inPlace &&
    live.routes.length === 0 &&
    !(await fitInstances(context, target, live, fence, shares, signal))
  ) {
    return;
  }
  const narrow = async () => {
    const narrowed = await Promise.all(
      services.map(service =>
        put(
          context,
          service,
          servicePart(service, live, fence, given, routes),
          'selector',
          signal,
        ),
      ),
    );
    await selected(
      context.cluster,
      target,
      live,
      narrowed.map(selectorOf),
      given,
      signal,
    );
  };
  if (live.inPlace) {
    await narrow();
  }
  const routed = live.routes.filter(route => sends(route, live));
  const warmed = await warm(
    context,
    live,
    routed,
    fence,
    [...given, ...routes],
    signal,
  );
  if (!warmed) {
    return;
  }
  const written = await putRoutes(
    context,
    warmed,
    ({ object, router }) =>
      routePart(object, router, live, fence, given, routes),
    signal,
  );
  assertNoneLost(live);
  if ((await accepted(context, written, signal)) && !live.inPlace) {
    await narrow();
  }
}

/** Errors: `InputError` for what no route of the target can do. */
function assertPossible(
  { mirrorShares }: TrafficContext,
  live: LiveTraffic,
  routes: TrafficRoute[],
): void {
  if (routes.length > 0 && live.routes.length === 0) {
    throw new InputError(
      `Requests by their headers and copies of requests need an HTTPRoute or a GRPCRoute to the service in its manifests; there is none in namespace ${live.namespace}. Add one, or leave the steps route and mirror out`,
    );
  }
  const part = routes.find(
    route => route.type === 'mirror' && route.percent < 100,
  );
  if (part && !mirrorShares?.()) {
    throw new InputError(
      'The gateways of this cluster are not known to copy a share of the requests, and would copy all of them. Use `mirror: 100%`, or say in delivery.kubernetes.gatewayFeatures that they do',
    );
  }
}

/** Whether what serves now would be left for something with nothing ready. */
function wouldBreak(live: LiveTraffic, given: TrafficShare[]): boolean {
  if (
    live.inPlace ||
    given.length === 0 ||
    given.some(({ generation }) => live.readyOf(generation) > 0)
  ) {
    return false;
  }
  const byRoutes = live.routes.flatMap(route =>
    weightsInForce(route, live).flatMap(({ service, weight }) =>
      weight > 0 ? [service] : [],
    ),
  );
  return [
    ...byRoutes,
    ...live.services.map(({ metadata }) => metadata.name),
  ].some(service => live.ready(service) > 0);
}

/**
 * A route that is gone, or was turned to others, comes back when a person says
 * so: the engine applies the shared objects first then.
 */
function assertNoneLost(live: LiveTraffic): void {
  if (live.missingRoutes.length > 0) {
    throw new ConflictError(
      `${live.missingRoutes.join(', ')} in namespace ${
        live.namespace
      } sent requests to this service and is not there any more, or the cluster does not serve its kind any more. Take over to bring it back`,
    );
  }
  const lost = live.routes.find(route => !sends(route, live));
  if (lost) {
    throw new ConflictError(
      `${routeId(lost.object)} in namespace ${
        live.namespace
      } sends to none of this service's Services any more; it was changed by ${describeEditor(
        editorOf(lost.object, ['spec', 'rules']),
      )}. Undo that change, or take over to bring the rules of the manifests back`,
    );
  }
}
