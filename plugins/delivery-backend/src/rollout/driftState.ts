import {
  Drift,
  DriftState,
  Observed,
  Reason,
  TargetRecord,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';
import { describeDrift } from './driftFound';
import { RolloutEvent } from './types';

/** As the environment says. */
export type DriftMode = 'tell' | 'repair';

export interface DriftInput {
  record: Pick<TargetRecord, 'drift' | 'conflict' | 'desired' | 'applied'>;
  workloads: Observed<WorkloadsState>;
  mode: DriftMode;
  /** A rollout goes on: it writes everything anyway. */
  busy: boolean;
  /** A hold is set: it is told, and nothing is done by itself. */
  held: boolean;
  /** Why the last write did not succeed. */
  trouble?: string;
  nowMs: number;
}

/** What the owners are to hear. */
export interface DriftNews {
  found: Drift[];
  /** Why it is not put right by itself. */
  left?: Reason;
  atMs: number;
}

export interface DriftOutput {
  drift?: DriftState;
  /** Begin a repair: see `beginRepair`; why, for the audit. */
  repair?: { cause: string; attempt: number };
  events: RolloutEvent[];
  /** The owners are to hear of it, once. */
  news?: DriftNews;
  wakeAtMs?: number;
}

/** Repairs within this time are counted together. */
const OF_LATE_MS = 3_600_000;

export function repairsOfLate(
  drift: DriftState | undefined,
  nowMs: number,
): number[] {
  return (drift?.repairs ?? []).filter(atMs => nowMs - atMs < OF_LATE_MS);
}

/** What says nothing any more is not kept. */
export function keep(
  drift: DriftState,
  events: RolloutEvent[],
  wakeAtMs?: number,
): DriftOutput {
  return {
    ...(drift.found.length > 0 || drift.repairs.length > 0 || drift.repairing
      ? { drift }
      : {}),
    events,
    ...(wakeAtMs !== undefined && { wakeAtMs }),
  };
}

/** Nothing is found: only when it was repaired of late is remembered. */
export function settle(
  { record: { drift }, nowMs }: DriftInput,
  events: RolloutEvent[],
): DriftOutput {
  const repairs = repairsOfLate(drift, nowMs);
  if (
    drift &&
    drift.found.length === 0 &&
    !drift.repairing &&
    drift.repairs.length === repairs.length
  ) {
    // The same object as long as it says the same: nothing is written for it.
    return keep(drift, events);
  }
  return keep({ found: [], sinceMs: nowMs, repairs }, events);
}

/** A person decides. */
export function leave(
  state: DriftState,
  left: Reason,
  events: RolloutEvent[],
): DriftOutput {
  return keep({ ...state, left }, [
    ...events,
    {
      type: 'drift-left',
      level: 'warning',
      message: `Not repaired: ${left.message}: ${describeDrift(state.found)}`,
      reason: left,
    },
  ]);
}
