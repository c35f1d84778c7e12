import {
  Drift,
  DriftState,
  isKnown,
  Reason,
  TargetRecord,
} from '@slipway/backstage-plugin-delivery-common';
import { describeDrift, keyOf } from './driftFound';
import { DriftInput, DriftOutput, keep, leave } from './driftState';
import { formatDuration } from './reasons';
import { RolloutEvent } from './types';

/*
 * When drift is put right, and what came of it. What was repaired and is there
 * exactly as before cannot be taken away by writing; what was changed once more
 * is fought over. Repairs of late are counted, and come ever more slowly, so
 * that nothing loops.
 */

/** Waits before the first, second and third of them; there is no fourth. */
const WAITS_MS = [0, 60_000, 300_000];
/** A write of our own that is seen half is no drift yet. */
const SETTLE_MS = 3_000;
/** Past this a repair that is not seen in force is given up. */
const UNFINISHED_MS = 300_000;

/**
 * The record as it is when everything of it is to be written again, with the
 * right to take back what is ours. Shared objects are written too.
 */
export function beginRepair(
  record: TargetRecord,
  reflects: number,
  nowMs: number,
): TargetRecord {
  const revision = Math.max(record.desired.revision, reflects) + 1;
  const {
    found = [],
    sinceMs = nowMs,
    repairs = [],
    told,
  } = record.drift ?? {};
  const { sharedPlanId: _, ...applied } = record.applied ?? { revision: 0 };
  return {
    ...record,
    desired: { ...record.desired, revision },
    applied,
    drift: {
      found,
      sinceMs,
      repairs: [...repairs, nowMs],
      repairing: { revision, atMs: nowMs },
      ...(told && { told }),
    },
  };
}

/** Whether what is written now may take back what others have. */
export function isRepairWrite({
  drift,
  applied,
}: Pick<TargetRecord, 'drift' | 'applied'>): boolean {
  return (
    drift?.repairing !== undefined &&
    (applied?.revision ?? 0) < drift.repairing.revision
  );
}

export function considerRepair(
  { held, nowMs }: DriftInput,
  state: DriftState,
  events: RolloutEvent[],
): DriftOutput {
  if (held || state.left) {
    return keep(state, events);
  }
  const { found, repairs } = state;
  if (found.every(({ kind }) => kind !== 'edited')) {
    return leave(state, unrepairable(found), events);
  }
  if (repairs.length >= WAITS_MS.length) {
    return leave(
      state,
      {
        code: 'drift-fought-over',
        message: `It was put right ${repairs.length} times within an hour, and is changed again`,
        action:
          'Find out what changes it, and stop that or put the change into the manifests; then take over',
      },
      events,
    );
  }
  const notBefore = Math.max(
    state.sinceMs + SETTLE_MS,
    (repairs[repairs.length - 1] ?? -Infinity) + WAITS_MS[repairs.length],
  );
  if (nowMs < notBefore) {
    return keep(state, events, notBefore);
  }
  return {
    ...keep(state, events),
    repair: { cause: describeDrift(found), attempt: repairs.length + 1 },
  };
}

export function lookAtRepair(
  input: DriftInput,
  drift: DriftState & Required<Pick<DriftState, 'repairing'>>,
  found: Drift[],
): DriftOutput {
  const { nowMs, mode } = input;
  const { repairing, found: before, repairs } = drift;
  const deadlineMs = repairing.atMs + UNFINISHED_MS;
  const isDone = isInForce(input, repairing.revision, found);
  if (!isDone && nowMs < deadlineMs) {
    return keep(drift, [], deadlineMs);
  }
  const state: DriftState = { found, sinceMs: drift.sinceMs, repairs };
  if (!isDone) {
    return leave(
      { ...state, found: found.length > 0 ? found : before },
      unfinished(input, repairing.revision),
      [],
    );
  }
  if (found.length === 0) {
    return keep({ ...state, sinceMs: nowMs }, [repaired(before)]);
  }
  const known = new Set(before.map(keyOf));
  const again = found.filter(
    drifted => drifted.kind === 'edited' && !known.has(keyOf(drifted)),
  );
  const right = before.filter(
    drifted => !found.some(other => keyOf(other) === keyOf(drifted)),
  );
  const events = right.length > 0 ? [repaired(right)] : [];
  if (again.length === 0) {
    return leave(state, unrepairable(found), events);
  }
  events.push({
    type: 'drift-found',
    level: 'warning',
    message: `Changed again after it was put right: ${describeDrift(again)}`,
  });
  const changed = { ...state, sinceMs: nowMs };
  return mode === 'repair'
    ? keep(changed, events, nowMs + SETTLE_MS)
    : keep(changed, events);
}

function isWritten({ record }: DriftInput, revision: number): boolean {
  return (record.applied?.revision ?? 0) >= revision;
}

/**
 * Whether it can be said what came of it. Where nothing is changed any more it
 * has helped; that a controller has not acted on it yet, as it has much to do,
 * does not change that.
 */
function isInForce(
  input: DriftInput,
  revision: number,
  found: Drift[],
): boolean {
  const { workloads } = input;
  const reflects = isKnown(workloads) ? workloads.reflects : 0;
  return (
    isWritten(input, revision) && (found.length === 0 || reflects >= revision)
  );
}

function repaired(found: Drift[]): RolloutEvent {
  return {
    type: 'drift-repaired',
    level: 'info',
    message: `Repaired: ${describeDrift(found)}`,
  };
}

function unfinished(input: DriftInput, revision: number): Reason {
  const { record, trouble } = input;
  const within = formatDuration(UNFINISHED_MS);
  if (isWritten(input, revision)) {
    return {
      code: 'drift-not-in-force',
      message: `It was written again, and the environment has not acted on that within ${within}`,
      action: 'See to what leads there, and take over to try once more',
    };
  }
  const why = record.conflict?.message ?? trouble;
  return {
    code: 'drift-not-repaired',
    message: why
      ? `It could not be written again: ${why}`
      : `It was not written again within ${within}`,
    action: 'Take over to try once more',
  };
}

/** Why writing it again does not help. */
function unrepairable(found: Drift[]): Reason {
  const is = (kind: Drift['kind']) => found.some(one => one.kind === kind);
  if (is('admission')) {
    return {
      code: 'drift-by-admission',
      message: 'It is changed whenever it is written',
      action:
        'Have the webhook or policy leave it alone, or put the change into the manifests',
    };
  }
  if (is('copy')) {
    return {
      code: 'drift-by-copy',
      message: 'It is not ours to delete',
      action: 'Delete it, or take our labels off it',
    };
  }
  return {
    code: 'drift-beside-plan',
    message: 'Writing the plan again did not take it away',
    action: 'Take it away by hand, or put it into the manifests',
  };
}
