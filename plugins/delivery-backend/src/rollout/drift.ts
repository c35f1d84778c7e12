import {
  DriftState,
  isKnown,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';
import { describeDrift, foundOf, isSameFound } from './driftFound';
import { withNews } from './driftNews';
import { considerRepair, lookAtRepair } from './driftRepair';
import {
  DriftInput,
  DriftOutput,
  keep,
  repairsOfLate,
  settle,
} from './driftState';
import { RolloutEvent } from './types';

/*
 * What others have changed while nothing goes on. Where the environment says
 * `tell`, it is told. Where it says `repair`, the stable Plan is written again
 * with the right to take back what is ours and to take away what was added, and
 * the next looks tell whether that helped; see `driftRepair`.
 */

/** Decides what is told and done about drift. Pure. */
export function decideDrift(input: DriftInput): DriftOutput {
  const { record, workloads, busy } = input;
  if (busy) {
    // The rollout writes all of it, and tells its own conflicts.
    return withNews(input, settle(input, []));
  }
  if (!isKnown(workloads)) {
    return { drift: record.drift, events: [] };
  }
  return withNews(input, look(input, workloads.known));
}

function look(input: DriftInput, seen: WorkloadsState): DriftOutput {
  const { record, nowMs } = input;
  const { drift } = record;
  const found = foundOf(record, seen);
  if (drift?.repairing) {
    return lookAtRepair(input, { ...drift, repairing: drift.repairing }, found);
  }
  if (found.length === 0) {
    return nothingFound(input);
  }
  const isNews = drift === undefined || !isSameFound(drift.found, found);
  const state: DriftState = {
    found,
    sinceMs: drift?.found.length ? drift.sinceMs : nowMs,
    repairs: repairsOfLate(drift, nowMs),
    ...(drift?.left && !isNews && { left: drift.left }),
  };
  const events: RolloutEvent[] = isNews
    ? [
        {
          type: 'drift-found',
          level: 'warning',
          message: `Not as it was deployed: ${describeDrift(found)}`,
        },
      ]
    : [];
  return input.mode === 'repair'
    ? considerRepair(input, state, events)
    : keep(state, events);
}

function nothingFound(input: DriftInput): DriftOutput {
  const { record } = input;
  const found = record.drift?.found ?? [];
  if (found.length === 0) {
    return settle(input, []);
  }
  const { left } = record.drift ?? {};
  if (left && (record.applied?.revision ?? 0) < record.desired.revision) {
    // A repair that was given up may have been written in part: as long as it
    // is not whole, nobody can say that this is over.
    return { drift: record.drift, events: [] };
  }
  const isByUs =
    left?.code === 'drift-not-in-force' || left?.code === 'drift-not-repaired';
  return settle(input, [
    {
      type: 'drift-gone',
      level: 'info',
      message: `It is as it was deployed again${
        isByUs ? '' : ', not by us'
      }: ${describeDrift(found)}`,
    },
  ]);
}
