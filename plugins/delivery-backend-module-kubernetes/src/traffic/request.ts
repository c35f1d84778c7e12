import { setTimeout as delay } from 'node:timers/promises';
import { LoggerService } from '@backstage/backend-plugin-api';
import { ConflictError, NotFoundError } from '@backstage/errors';
import {
  stringifyTarget,
  TargetRef,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { Fence } from '@slipway/backstage-plugin-delivery-node';
import { ClusterAccess } from '../clusterAccess';
import { KubeObject, refOf } from '../client';
import { describeEditor, editorOf } from './editors';
import { LiveRoute, LiveTraffic, readLive, routeId } from './live';
import { assertNotStale, isOurs, marks } from './marks';
import { routePart, servicePart, TrafficPart } from './parts';
import { Router } from './router';
import { weightsInForce } from './shares';
import { onlyReady } from './weights';
import { applyPart, ChangedMeanwhileError, isWritten } from './write';

/** Controllers write the status of a route at any time. */
const TRIES = 4;
const ACCEPTED_WITHIN_MS = 3_000;
const LOOK_EVERY_MS = 50;

export interface TrafficContext {
  cluster: ClusterAccess;
  routers: Router[];
  logger: LoggerService;
}

/**
 * Brings shares about, in the order that loses no request:
 *
 *     weights of ready capacity -> the gateways say that they took them
 *     -> selectors of the main Services
 *
 * Where Kubernetes leads, selectors come first: they only ever grow there.
 * When the gateways do not answer in time the selectors stay, and with them
 * the revision that `observe` tells: the engine comes again.
 */
export async function requestShares(
  context: TrafficContext,
  target: TargetRef,
  fence: Fence,
  shares: TrafficShare[],
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const live = await readLive(
      context.cluster,
      context.routers,
      target,
      signal,
    );
    try {
      await write(context, target, live, fence, shares, signal);
      return;
    } catch (error) {
      if (!(error instanceof ChangedMeanwhileError) || attempt >= TRIES) {
        throw error;
      }
    }
  }
}

async function write(
  context: TrafficContext,
  target: TargetRef,
  live: LiveTraffic,
  fence: Fence,
  shares: TrafficShare[],
  signal: AbortSignal,
): Promise<void> {
  const { services, routes, workloads } = live;
  assertNotStale(
    [...services, ...routes.map(({ object }) => object), ...workloads],
    fence,
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
  const narrow = () =>
    Promise.all(
      services.map(service =>
        put(
          context,
          service,
          servicePart(service, live, fence, given),
          'selector',
          signal,
        ),
      ),
    );
  if (live.inPlace) {
    await narrow();
  }
  const written = await Promise.all(
    routes
      .filter(route => sends(route, live))
      .map(async ({ object, router }) => ({
        router,
        object: await put(
          context,
          object,
          routePart(object, router, live, fence, given),
          'rules',
          signal,
        ),
      })),
  );
  assertNoneLost(live);
  if (await taken(context, written, signal)) {
    await narrow();
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
  return live.routes.some(route =>
    weightsInForce(route, live).some(
      ({ service, weight }) => weight > 0 && live.ready(service) > 0,
    ),
  );
}

const sends = ({ object, router }: LiveRoute, live: LiveTraffic) =>
  router.splits(object, live.backends).length > 0;

/** A route that is gone, or was turned to others, is not ours to restore. */
function assertNoneLost(live: LiveTraffic): void {
  if (live.missingRoutes.length > 0) {
    throw new NotFoundError(
      `${live.missingRoutes.join(', ')} in namespace ${
        live.namespace
      } sent requests to this service and is not there any more, or the cluster does not serve its kind any more. Deploy again to bring it back`,
    );
  }
  const lost = live.routes.find(route => !sends(route, live));
  if (lost) {
    throw new ConflictError(
      `${routeId(lost.object)} in namespace ${
        live.namespace
      } sends to none of this service's Services any more; it was changed by ${describeEditor(
        editorOf(lost.object, ['spec', 'rules']),
      )}. Undo that change, or deploy again to bring the rules of the manifests back`,
    );
  }
}

async function put(
  { cluster, logger }: TrafficContext,
  object: KubeObject,
  part: TrafficPart,
  field: string | undefined,
  signal: AbortSignal,
): Promise<KubeObject> {
  if (isWritten(object, part)) {
    return object;
  }
  const editor = field && isOurs(object) && editorOf(object, ['spec', field]);
  if (editor) {
    logger.warn(
      `${routeId(object)} in namespace ${
        object.metadata.namespace
      }: spec.${field} was changed by ${describeEditor(
        editor,
      )}; putting it right`,
    );
  }
  return await applyPart(
    cluster.client,
    object,
    part,
    { force: isOurs(object) },
    signal,
  );
}

/** Waits a little for all gateways to say that they took what was written. */
async function taken(
  { cluster }: TrafficContext,
  written: LiveRoute[],
  signal: AbortSignal,
): Promise<boolean> {
  const deadlineMs = Date.now() + ACCEPTED_WITHIN_MS;
  for (const { object, router } of written) {
    let current: KubeObject | undefined = object;
    while (current && router.status(current).type !== 'accepted') {
      if (Date.now() > deadlineMs) {
        return false;
      }
      await delay(LOOK_EVERY_MS, undefined, { signal });
      current = await cluster.client.get(refOf(object), signal);
    }
    if (!current) {
      return false;
    }
  }
  return true;
}
