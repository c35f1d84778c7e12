import {
  isKnown,
  JobState,
  Observed,
  RolloutState,
  StepState,
} from '@slipway/backstage-plugin-delivery-common';
import { Jobs } from '@slipway/backstage-plugin-delivery-node';
import { TargetRow } from '../store';
import { isStaleEpoch, markForeign } from './foreignEpoch';
import { Round } from './round';
import { withTimeLimit } from './timeLimit';

/*
 * Jobs of hook steps. The record names the run by its key before it is
 * started, so whoever comes after a killed process starts the same key, which
 * is no second run.
 */

export type SeenJobs = Record<string, Observed<JobState>>;

/** Runs that may have to be started, waited for or stopped. */
function runsOf(rollout: RolloutState | undefined): StepState[] {
  return (rollout?.steps ?? []).filter(
    ({ jobKey, status }) => jobKey !== undefined && status !== 'done',
  );
}

/**
 * A process may have died between the end of a deployment and the stop of its
 * job; what ended longer ago was looked at since.
 */
const ENDED_LATELY_MS = 10 * 60_000;

/** The deployment that goes on, or one that ended a moment ago. */
function watched({ active, changes }: Round): RolloutState | undefined {
  const { rollout } = changes.original.record;
  const endedMs = changes.nowMs - (rollout?.finishedAtMs ?? 0);
  return active ?? (endedMs < ENDED_LATELY_MS ? rollout : undefined);
}

function jobsOf(round: Round): Jobs {
  const { jobs, name, type } = round.connection;
  if (!jobs) {
    throw new Error(`The connection ${type}/${name} runs no jobs`);
  }
  return jobs;
}

/** Looks at the runs of the deployment that goes on; never throws, says `unknown`. */
export async function observeJobs(round: Round): Promise<SeenJobs> {
  const { changes, context, keeper, memory } = round;
  const seen: SeenJobs = {};
  for (const { jobKey = '' } of runsOf(watched(round))) {
    try {
      const state = await withTimeLimit(
        'Reading a job',
        context.tuning.callLimitMs,
        keeper.signal,
        signal => jobsOf(round).observe(changes.row.target, jobKey, signal),
      );
      const trouble = memory.jobTrouble;
      seen[jobKey] =
        isKnown(state) &&
        state.known.phase === 'absent' &&
        trouble?.key === jobKey
          ? { unknown: trouble.message, sinceMs: trouble.sinceMs }
          : state;
    } catch (error) {
      keeper.signal.throwIfAborted();
      seen[jobKey] = {
        unknown: error instanceof Error ? error.message : `${error}`,
        sinceMs: changes.nowMs,
      };
    }
  }
  return seen;
}

/**
 * Starts the Job of the step that waits for it, and stops one whose step was
 * left. Called when the decision is stored and the world is brought to it.
 *
 * Errors: a lost lease. A Job that cannot be started now is tried again until
 * the step's deadline.
 */
export async function runJobs(
  round: Round,
  row: TargetRow,
  seen: SeenJobs,
): Promise<{ again: boolean; isForeign?: boolean; wakeAtMs?: number }> {
  const { context, keeper, memory } = round;
  const { rollout, desired } = row.record;
  const before = watched(round);
  // A superseded deployment is none of the record's any more.
  const left =
    before?.deploymentId === rollout?.deploymentId ? [] : runsOf(before);
  let again = false;
  for (const state of [...left, ...runsOf(rollout)]) {
    const { jobKey = '', step } = state;
    const found = seen[jobKey];
    if (!rollout || step.type !== 'hook' || !found) {
      continue;
    }
    const isWanted =
      rollout.phase === 'stepping' &&
      state.status === 'active' &&
      !left.includes(state);
    const mayStart =
      isWanted &&
      !rollout.paused &&
      (isKnown(found)
        ? found.known.phase === 'absent'
        : memory.jobTrouble?.key === jobKey);
    const mustStop =
      !isWanted && isKnown(found) && found.known.phase === 'running';
    if (!mayStart && !mustStop) {
      continue;
    }
    const fence = { epoch: keeper.lease.epoch, revision: desired.revision };
    try {
      const jobs = jobsOf(round);
      if (jobs.fencing === 'check-then-act') {
        await keeper.confirm();
      }
      keeper.assertHeld();
      const plan = await context.plans.get(rollout.candidate.planId);
      await withTimeLimit(
        mayStart ? `Starting the job "${step.job}"` : 'Stopping a job',
        context.tuning.callLimitMs,
        keeper.signal,
        signal =>
          mayStart
            ? jobs.start(row.target, fence, plan, step.job, jobKey, signal)
            : jobs.stop(row.target, fence, jobKey, signal),
      );
      delete memory.jobTrouble;
      again = true;
    } catch (error) {
      keeper.signal.throwIfAborted();
      if (isStaleEpoch(error)) {
        const { wakeAtMs } = await markForeign({ context, row, keeper, error });
        return { again: false, isForeign: true, wakeAtMs };
      }
      if (error instanceof Error && error.name === 'LeaseLostError') {
        throw error;
      }
      const message = error instanceof Error ? error.message : `${error}`;
      memory.jobTrouble = {
        key: jobKey,
        message,
        sinceMs: memory.jobTrouble?.sinceMs ?? context.clock.now(),
      };
      context.logger.warn(
        `The job "${step.job}" (${jobKey}) was not ${
          mayStart ? 'started' : 'stopped'
        }, it is tried again: ${message}`,
      );
    }
  }
  return { again };
}
