import { setTimeout as delay } from 'node:timers/promises';
import {
  TargetRef,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { KubeObject, refOf } from '../client';
import { ClusterAccess } from '../clusterAccess';
import { TrafficContext } from './context';
import { readEndpoints } from './endpoints';
import { followSelectors } from './followSelectors';
import { DataPlane } from './dataPlane';
import { LiveRoute, LiveTraffic } from './live';

const ACCEPTED_WITHIN_MS = 3_000;
const LOOK_EVERY_MS = 50;
/** How long data planes get to hear of what they do not tell. */
const UNSEEN_MS = 300;

/**
 * Waits a little for all gateways to say that they took what was written, and
 * for the data plane to hear them, as far as it tells.
 */
export async function accepted(
  { cluster: { client }, metrics }: TrafficContext,
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
      current = await client.get(refOf(object), signal);
    }
    if (!current) {
      return false;
    }
  }
  while (written.length > 0 && !(await follows(metrics, signal))) {
    if (Date.now() > deadlineMs) {
      return false;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
  return true;
}

async function follows(
  metrics: DataPlane | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return (await metrics?.follows(signal)) ?? true;
  } catch {
    // An Envoy that is dead serves nothing old either, and begins with what is
    // new. That it cannot be asked is told by what observes the traffic.
    signal.throwIfAborted();
    return true;
  }
}

/** Waits a little for the endpoints of the main Services to follow selectors. */
export async function selected(
  cluster: ClusterAccess,
  target: TargetRef,
  live: LiveTraffic,
  selectors: Array<Record<string, string>>,
  shares: TrafficShare[],
  signal: AbortSignal,
): Promise<boolean> {
  const deadlineMs = Date.now() + ACCEPTED_WITHIN_MS;
  let { endpoints } = live;
  while (!followSelectors(live, selectors, endpoints, shares)) {
    if (Date.now() > deadlineMs) {
      return false;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal });
    endpoints = await readEndpoints(cluster, live.namespace, target, signal);
  }
  return true;
}

/**
 * Waits until the data plane has ready endpoints of these Services, as far as
 * it tells; an Envoy that cannot be asked holds nothing up for longer.
 */
export async function knownToDataPlane(
  metrics: DataPlane | undefined,
  live: LiveTraffic,
  services: string[],
  signal: AbortSignal,
): Promise<void> {
  const needed = services.filter(service => live.ready(service) > 0);
  const deadlineMs = Date.now() + ACCEPTED_WITHIN_MS;
  while (metrics && Date.now() < deadlineMs) {
    try {
      if (await metrics.knows(live.namespace, needed, signal)) {
        return;
      }
    } catch {
      // That it cannot be asked is told by what observes the traffic.
      signal.throwIfAborted();
      break;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
  await heard(signal);
}

/** What was accepted reaches the data plane a moment later, and nobody says when. */
export async function heard(
  signal: AbortSignal,
  withinMs = UNSEEN_MS,
): Promise<void> {
  await delay(withinMs, undefined, { signal });
}
