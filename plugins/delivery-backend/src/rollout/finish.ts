import {
  Outcome,
  Reason,
  RolloutState,
} from '@slipway/backstage-plugin-delivery-common';
import { activeRollout, Draft, note } from './draft';
import { stopAnalyses } from './analysisRuns';

const SAYINGS: Record<Outcome, string> = {
  succeeded: 'Deployment succeeded',
  'rolled-back': 'Rolled back',
  failed: 'Deployment failed; there is nothing to go back to',
  aborted: 'Deployment aborted',
  cancelled: 'Deployment cancelled',
  superseded: 'Superseded by a newer deployment',
};

/** Ends the active rollout. It stays in the record, finished, until the next one begins. */
export function finish(
  draft: Draft,
  rollout: RolloutState,
  outcome: Outcome,
  reason?: Reason,
): void {
  if (activeRollout(draft) !== rollout) {
    return;
  }
  stopAnalyses(rollout);
  rollout.phase = 'finished';
  rollout.outcome = outcome;
  rollout.finishedAtMs = draft.nowMs;
  if (reason) {
    rollout.reason = reason;
  }
  delete rollout.paused;
  delete rollout.error;
  delete rollout.progressDeadlineMs;
  // Automation must not undo what was just undone: neither bring back the
  // release that failed nor the one that a person went back from.
  const hold =
    outcome === 'rolled-back' ||
    (outcome === 'succeeded' && rollout.kind === 'rollback');
  draft.finished.push({
    deploymentId: rollout.deploymentId,
    outcome,
    ...(reason ? { reason } : {}),
    hold,
  });
  const bad = outcome === 'rolled-back' || outcome === 'failed';
  note(
    draft,
    'rollout-finished',
    reason && outcome !== 'succeeded'
      ? `${SAYINGS[outcome]}: ${reason.message}`
      : SAYINGS[outcome],
    {
      level: bad ? 'error' : 'info',
      deploymentId: rollout.deploymentId,
      ...(reason ? { reason } : {}),
    },
  );
}
