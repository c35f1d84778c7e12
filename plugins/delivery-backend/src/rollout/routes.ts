import {
  TrafficRoute,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { readyCapacity } from './capacity';
import { activeRollout, Draft, isSameAsStable } from './draft';
import { WorldView } from './worldView';

/*
 * Requests that the candidate gets beside its share: those with certain
 * headers, and copies. They are for a canary that goes forward, and for nobody
 * else: with the first decision of a way back, of another rollout or of a
 * promotion they are gone from the desired state, and nothing that follows
 * happens before the router is seen to have none.
 *
 * Like shares they never go to what has nothing ready. Copies count as
 * traffic: they are given only where they fit into the ready capacity beside
 * the share, whole or not at all, as nobody waits for their answers.
 */

/** The routes that the goals ask for, as far as ready capacity allows. */
export function allocateRoutes(
  draft: Draft,
  view: WorldView,
  replicas: Map<string, number>,
  shares: TrafficShare[],
): TrafficRoute[] {
  const rollout = activeRollout(draft);
  if (
    rollout?.phase !== 'stepping' ||
    !draft.record.stable ||
    isSameAsStable(draft, rollout)
  ) {
    return [];
  }
  const { candidate, goal } = rollout;
  const { headers = [], mirrorPercent = 0 } = goal ?? {};
  const { generation } = candidate;
  const ready = Math.min(view.ready(generation), replicas.get(generation) ?? 0);
  const routes: TrafficRoute[] = [];
  if (headers.length > 0 && ready > 0) {
    routes.push({ type: 'headers', generation, headers });
  }
  const share =
    shares.find(given => given.generation === generation)?.percent ?? 0;
  const capacity = readyCapacity(ready, candidate.replicas);
  if (mirrorPercent > 0 && share + mirrorPercent <= capacity) {
    routes.push({ type: 'mirror', generation, percent: mirrorPercent });
  }
  return routes;
}

/** Whether two lists of routes mean the same, in any order. */
export function sameRoutes(
  a: TrafficRoute[] | undefined,
  b: TrafficRoute[] | undefined,
): boolean {
  return fingerprint(a) === fingerprint(b);
}

function fingerprint(routes: TrafficRoute[] = []): string {
  return routes
    .map(route =>
      route.type === 'headers'
        ? JSON.stringify([
            route.generation,
            ...route.headers.map(({ name, value }) => [name, value]).sort(),
          ])
        : JSON.stringify([route.generation, route.percent]),
    )
    .sort()
    .join();
}

/** "requests with x-canary: always to canary, copies of 20 % to canary" */
export function describeRoutes(
  routes: TrafficRoute[],
  nameOf: (generation: string) => string,
): string {
  return routes
    .map(route =>
      route.type === 'headers'
        ? `requests with ${route.headers
            .map(({ name, value }) => `${name}: ${value}`)
            .join(' and ')} to ${nameOf(route.generation)}`
        : `copies of ${route.percent} % to ${nameOf(route.generation)}`,
    )
    .join(', ');
}
