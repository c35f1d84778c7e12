import {
  Drift,
  DriftState,
  isKnown,
  Observed,
  Reason,
  TargetRecord,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';
import { RolloutEvent } from './types';

/*
 * What others have changed while nothing goes on. Where the environment says
 * `tell`, it is told. Where it says `repair`, the stable Plan is written again
 * with the right to take back what is ours, and the next looks tell whether
 * that helped: what is there exactly as before was only added beside the Plan,
 * or is changed on its way in; what was changed once more is fought over. None
 * of these is repaired again: a person decides. Repairs of late are counted, and
 * come ever more slowly, so that nothing loops.
 */

/** As the environment says. */
export type DriftMode = 'tell' | 'repair';

/** Repairs within this time are counted together. */
const OF_LATE_MS = 3_600_000;
/** Waits before the first, second and third of them; there is no fourth. */
const WAITS_MS = [0, 60_000, 300_000];
/** A write of our own that is seen half is no drift yet. */
const SETTLE_MS = 3_000;
/** Past this a repair that is not seen in force is given up. */
const UNFINISHED_MS = 300_000;
const MOST_FOUND = 20;

export interface DriftInput {
  record: Pick<TargetRecord, 'drift' | 'conflict' | 'desired' | 'applied'>;
  workloads: Observed<WorkloadsState>;
  mode: DriftMode;
  /** A rollout goes on, or drains: it writes everything anyway. */
  busy: boolean;
  /** A hold is set: it is told, and nothing is done by itself. */
  held: boolean;
  /** Why the last write did not succeed. */
  trouble?: string;
  nowMs: number;
}

export interface DriftOutput {
  drift?: DriftState;
  /** Begin a repair: see `beginRepair`; why, for the audit. */
  repair?: { cause: string; attempt: number };
  events: RolloutEvent[];
  wakeAtMs?: number;
}

/** Decides what is told and done about drift. Pure. */
export function decideDrift(input: DriftInput): DriftOutput {
  const { record, workloads, busy } = input;
  if (busy) {
    // The rollout writes all of it, and tells its own conflicts.
    return settle(input, []);
  }
  if (!isKnown(workloads)) {
    return { drift: record.drift, events: [] };
  }
  const found = foundOf(record, workloads.known);
  const { drift } = record;
  if (drift?.repairing) {
    return lookAtRepair(input, { ...drift, repairing: drift.repairing }, found);
  }
  if (found.length === 0) {
    return nothingFound(input);
  }
  const events: RolloutEvent[] = [];
  const isNews = drift === undefined || key(drift.found) !== key(found);
  const state: DriftState = {
    found,
    sinceMs:
      isNews && !drift?.found.length
        ? input.nowMs
        : drift?.sinceMs ?? input.nowMs,
    repairs: ofLate(drift, input.nowMs),
    ...(drift?.left && !isNews && { left: drift.left }),
  };
  if (isNews) {
    events.push({
      type: 'drift-found',
      level: 'warning',
      message: `Not as it was deployed: ${describe(found)}`,
    });
  }
  return input.mode === 'repair'
    ? considerRepair(input, state, events)
    : keep(state, events);
}

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
  const { found = [], sinceMs = nowMs, repairs = [] } = record.drift ?? {};
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

function foundOf(
  { conflict }: DriftInput['record'],
  { drift = [] }: WorkloadsState,
): Drift[] {
  const all: Drift[] = [
    ...drift,
    ...(conflict && !isTold(conflict.message, drift)
      ? [
          {
            kind: 'edited' as const,
            about: 'what is to be written',
            message: conflict.message,
          },
        ]
      : []),
  ];
  return all.slice(0, MOST_FOUND);
}

/**
 * Whether a refused write is about what was seen changed anyway: it names the
 * same object and one of the same fields.
 */
function isTold(message: string, drift: Drift[]): boolean {
  return drift.some(
    ({ about, fields = [] }) =>
      message.includes(about.slice(about.indexOf('/') + 1)) &&
      fields.some(({ field }) => message.includes(field)),
  );
}

function key(found: Drift[]): string {
  return found.map(keyOf).sort().join('\n');
}

function keyOf({ kind, about, message, atMs }: Drift): string {
  return JSON.stringify([kind, about, message, atMs]);
}

/** Who has edited it stands in the message; an admission is named where known. */
function describe(found: Drift[]): string {
  return found
    .map(({ kind, message, by }) =>
      kind === 'admission' && by ? `${message} (${by})` : message,
    )
    .join('; ');
}

function ofLate(drift: DriftState | undefined, nowMs: number): number[] {
  return (drift?.repairs ?? []).filter(atMs => nowMs - atMs < OF_LATE_MS);
}

/** What says nothing any more is not kept. */
function keep(
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

function nothingFound(input: DriftInput): DriftOutput {
  const found = input.record.drift?.found ?? [];
  return settle(
    input,
    found.length > 0
      ? [
          {
            type: 'drift-gone',
            level: 'info',
            message: `It is as it was deployed again, not by us: ${describe(
              found,
            )}`,
          },
        ]
      : [],
  );
}

/** Nothing is found: only when it was repaired of late is remembered. */
function settle(
  { record: { drift }, nowMs }: DriftInput,
  events: RolloutEvent[],
): DriftOutput {
  const repairs = ofLate(drift, nowMs);
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

function considerRepair(
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
        message: `It was put right ${
          repairs.length
        } times within an hour, and is changed again: ${describe(found)}`,
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
    repair: { cause: describe(found), attempt: repairs.length + 1 },
  };
}

function lookAtRepair(
  { record, workloads, nowMs, mode, trouble }: DriftInput,
  drift: DriftState & Required<Pick<DriftState, 'repairing'>>,
  found: Drift[],
): DriftOutput {
  const { repairing, found: before, repairs } = drift;
  const reflects = isKnown(workloads) ? workloads.reflects : 0;
  const isDone =
    (record.applied?.revision ?? 0) >= repairing.revision &&
    reflects >= repairing.revision;
  const deadlineMs = repairing.atMs + UNFINISHED_MS;
  if (!isDone && nowMs < deadlineMs) {
    return keep(drift, [], deadlineMs);
  }
  const state: DriftState = { found, sinceMs: drift.sinceMs, repairs };
  if (!isDone) {
    return leave(
      { ...state, found: found.length > 0 ? found : before },
      {
        code: 'drift-not-repaired',
        message: `It could not be written again: ${
          record.conflict?.message ?? trouble ?? describe(before)
        }`,
        action: 'Take over to try once more',
      },
      [],
    );
  }
  if (found.length === 0) {
    return keep({ ...state, sinceMs: nowMs }, [
      {
        type: 'drift-repaired',
        level: 'info',
        message: `Repaired: ${describe(before)}`,
      },
    ]);
  }
  const known = new Set(before.map(keyOf));
  const again = found.filter(
    drifted => drifted.kind === 'edited' && !known.has(keyOf(drifted)),
  );
  const right = before.filter(
    drifted => !found.some(other => keyOf(other) === keyOf(drifted)),
  );
  const events: RolloutEvent[] =
    right.length > 0
      ? [
          {
            type: 'drift-repaired',
            level: 'info',
            message: `Repaired: ${describe(right)}`,
          },
        ]
      : [];
  if (again.length > 0) {
    events.push({
      type: 'drift-found',
      level: 'warning',
      message: `Changed again after it was put right: ${describe(again)}`,
    });
    const changed = { ...state, sinceMs: nowMs };
    return mode === 'repair'
      ? keep(changed, events, nowMs + SETTLE_MS)
      : keep(changed, events);
  }
  return leave(state, unrepairable(found), events);
}

/** Why writing it again does not help. */
function unrepairable(found: Drift[]): Reason {
  const of = (kind: Drift['kind']) => found.filter(one => one.kind === kind);
  const [admission, copies] = [of('admission'), of('copy')];
  if (admission.length > 0) {
    return {
      code: 'drift-by-admission',
      message: `It is changed whenever it is written: ${describe(admission)}`,
      action:
        'Have the webhook or policy leave it alone, or put the change into the manifests',
    };
  }
  if (copies.length > 0) {
    return {
      code: 'drift-by-copy',
      message: describe(copies),
      action: 'Delete it, or take our labels off it; it is not ours to delete',
    };
  }
  return {
    code: 'drift-beside-plan',
    message: `Writing the plan again does not take it away, as the plan does not name it: ${describe(
      found,
    )}`,
    action: 'Take it away by hand, or put it into the manifests',
  };
}

function leave(
  state: DriftState,
  left: Reason,
  events: RolloutEvent[],
): DriftOutput {
  return keep({ ...state, left }, [
    ...events,
    {
      type: 'drift-left',
      level: 'warning',
      message: `Not repaired: ${left.message}`,
      reason: left,
    },
  ]);
}
