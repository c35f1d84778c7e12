import {
  isKnown,
  RolloutState,
  StepState,
} from '@slipway/backstage-plugin-delivery-common';
import { startAbort } from '../abort';
import { Draft, LOOK_AGAIN_MS, note, wakeAt } from '../draft';
import { pauseRollout } from '../pausing';
import { hookFailed, hookLost, hookNotStarted, hookOverdue } from '../reasons';
import { StepRunner } from './step';

/** The shell starts it right after the decision. */
const AFTER_START_MS = 20;

/**
 * Runs a Job once and waits for its end. The key names the run; the shell
 * starts what is not there under the key, and whoever runs it never starts the
 * same key twice. The end of the waiting is absolute.
 */
export const hook: StepRunner<'hook'> = {
  enter({ draft, rollout, state, step }) {
    state.jobKey = `${rollout.deploymentId}/${rollout.attempt}/${step.at}-${step.job}`;
    state.endsAtMs = draft.nowMs + step.deadlineMs;
  },
  check({ draft, rollout, state, step }) {
    const { jobKey = '', endsAtMs = draft.nowMs } = state;
    const seen = draft.input.jobs?.[jobKey];
    const job = seen && isKnown(seen) ? seen.known : undefined;
    switch (job?.phase) {
      case 'succeeded':
        note(draft, 'hook-succeeded', `The job "${step.job}" has succeeded`);
        return 'done';
      case 'failed':
        startAbort(draft, rollout, 'rolled-back', hookFailed(step.job, job));
        return 'held';
      case 'lost':
        pauseRollout(draft, rollout, 'errored', {
          detail: hookLost(step.job, job),
        });
        return 'held';
      default:
    }
    if (draft.nowMs >= endsAtMs) {
      if (job?.phase === 'running') {
        startAbort(
          draft,
          rollout,
          'rolled-back',
          hookOverdue(step.job, step.deadlineMs, job),
        );
      } else {
        pauseRollout(draft, rollout, 'errored', {
          detail: hookNotStarted(
            step.job,
            step.deadlineMs,
            seen && !isKnown(seen) ? seen.unknown : undefined,
          ),
        });
      }
      return 'held';
    }
    wakeAt(draft, endsAtMs);
    wakeAt(draft, draft.nowMs + (seen ? LOOK_AGAIN_MS : AFTER_START_MS));
    return 'held';
  },
};

/**
 * A person asks for it once more: what was lost is a run of its own, what could
 * not be started keeps its name and gets its time anew.
 */
export function retryHook(
  draft: Draft,
  rollout: RolloutState,
  state: StepState,
): void {
  if (state.step.type !== 'hook' || state.status !== 'active') {
    return;
  }
  state.endsAtMs = draft.nowMs + state.step.deadlineMs;
  const seen = draft.input.jobs?.[state.jobKey ?? ''];
  if (seen && isKnown(seen) && seen.known.phase === 'lost') {
    const [deployment, attempt, name, run = '1'] = splitKey(state.jobKey ?? '');
    state.jobKey = `${deployment}/${attempt}/${name}/${Number(run) + 1}`;
  }
  note(draft, 'hook-retried', `The job "${state.step.job}" is tried again`, {
    deploymentId: rollout.deploymentId,
  });
}

/** Ids of deployments hold no slash. */
function splitKey(key: string): string[] {
  return key.split('/');
}
