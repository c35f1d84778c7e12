import {
  GenerationState,
  InstanceState,
  TrafficState,
} from '@slipway/backstage-plugin-delivery-common';
import { RequestMetrics } from './metrics';
import { GenerationRecord, TargetState } from './state';

/** What is measured is told of so long. */
const MEASURED_WINDOW_MS = 10_000;

/** The whole state of a target, as the backend gets it. */
export interface TargetSnapshot {
  id: string;
  epoch: number;
  revision: number;
  generations: GenerationState[];
  traffic: TrafficState;
  /** Why nobody can reach the router now. */
  routerProblem?: string;
  generator: {
    on: boolean;
    requestsPerSecond: number;
    path: string;
    sent: number;
    failed: number;
    lastFailure?: string;
  };
}

/** A generation as it is wanted (absent: not any more) and as it is. */
export function generationState(
  generation: string,
  record: GenerationRecord | undefined,
  instances: InstanceState[],
): GenerationState {
  const cause = instances.find(state => state.cause)?.cause;
  return {
    generation,
    planId: record?.spec.planId ?? '',
    wanted: record?.replicas ?? 0,
    ready: instances.filter(state => state.ready).length,
    instances,
    ...(cause && { cause }),
  };
}

/** What the router was asked for, and what it has measured. */
export function trafficState(
  { shares, routes, port }: TargetState,
  metrics: RequestMetrics,
  nowMs: number,
): TrafficState {
  const counts = metrics.counts(nowMs - MEASURED_WINDOW_MS, nowMs);
  const requests = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return {
    accepted: shares,
    ...(routes?.length && { routes }),
    address: `http://127.0.0.1:${port}`,
    ...(requests > 0 && {
      measured: {
        requests,
        windowMs: MEASURED_WINDOW_MS,
        shares: [...counts].map(([generation, count]) => ({
          generation,
          percent: (count / requests) * 100,
        })),
      },
    }),
  };
}
