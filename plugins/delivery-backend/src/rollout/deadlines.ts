import {
  Reason,
  RolloutState,
} from '@slipway/backstage-plugin-delivery-common';
import {
  currentStep,
  desiredShare,
  Draft,
  isReflected,
  LOOK_AGAIN_MS,
  wakeAt,
} from './draft';
import {
  notConverged,
  progressDeadlineExceeded,
  rollStuck,
  trafficNotVerified,
} from './reasons';
import { sameRoutes } from './routes';

/*
 * Every wait ends. Times are absolute and kept in the record, so a process
 * that was away does not start them again:
 *
 * - working steps: the progress deadline, moved on by every bit of progress
 *   (progress is bounded, so it cannot be moved for ever), suspended while
 *   paused and while the world is unknown;
 * - timed pauses and analyses: their own end;
 * - pauses without an end (a person, an inconclusive or errored analysis):
 *   PAUSE_CEILING_MS, after which the rollout goes back by itself;
 * - the way back: the progress window, after which a person is asked, and then
 *   PAUSE_CEILING_MS, after which the rest is left to the drain.
 */

/** How long a rollout waits for a person's decision at most. */
export const PAUSE_CEILING_MS = 24 * 60 * 60 * 1_000;

/** Starts the progress deadline anew: a step begins, or a pause has ended. */
export function armProgress(draft: Draft, rollout: RolloutState): void {
  rollout.progressDeadlineMs = draft.nowMs + rollout.progressDeadlineWindowMs;
}

/** Pauses and analyses have an end of their own. */
export function suspendProgress(rollout: RolloutState): void {
  delete rollout.progressDeadlineMs;
}

/** Forgets what progress meant, for the next step. */
export function resetProgress(rollout: RolloutState): void {
  delete rollout.progressMark;
  delete rollout.progressDeadlineMs;
}

/**
 * Moves the deadline when more instances are ready, more traffic has moved, or
 * more of stable is gone than ever before in this step. Comparing with the
 * greatest value keeps a flapping instance from moving it again and again.
 */
function noteProgress(draft: Draft, rollout: RolloutState): void {
  const { view, record } = draft;
  if (!view) {
    return;
  }
  const { generation } = rollout.candidate;
  const now = [
    view.ready(generation),
    Math.floor(view.accepted(generation)),
    Math.max(
      0,
      (record.stable?.replicas ?? 0) -
        (rollout.goal?.stableReplicas ?? record.stable?.replicas ?? 0),
    ),
    view.routes.length,
  ];
  const before = rollout.progressMark?.split('/').map(Number);
  if (!before) {
    rollout.progressMark = now.join('/');
    return;
  }
  if (now.some((value, index) => value > before[index])) {
    rollout.progressMark = now
      .map((value, index) => Math.max(value, before[index]))
      .join('/');
    armProgress(draft, rollout);
  }
}

/** What a missed progress deadline means. */
export type Missed =
  /** The release is at fault: go back. */
  | { fault: 'release'; reason: Reason }
  /** Something else is: ask a person. */
  | { fault: 'technical'; reason: Reason };

/**
 * Whether the step that waits has made no progress for too long, and whose
 * fault that is. Only a candidate that is *known* to be unready is the
 * release's fault.
 */
export function checkProgress(
  draft: Draft,
  rollout: RolloutState,
): Missed | undefined {
  noteProgress(draft, rollout);
  if (rollout.progressDeadlineMs === undefined) {
    armProgress(draft, rollout);
  }
  const deadlineMs = rollout.progressDeadlineMs ?? draft.nowMs;
  const windowMs = rollout.progressDeadlineWindowMs;
  if (draft.nowMs < deadlineMs) {
    wakeAt(draft, Math.min(draft.nowMs + LOOK_AGAIN_MS, deadlineMs));
    return undefined;
  }
  if (!draft.view || !isReflected(draft)) {
    return { fault: 'technical', reason: notConverged(windowMs) };
  }
  const { generation } = rollout.candidate;
  const wanted = rollout.goal?.replicas ?? 0;
  const ready = draft.view.ready(generation);
  const begun = currentStep(rollout)?.status === 'active';
  if (begun && ready < wanted) {
    return {
      fault: 'release',
      reason: progressDeadlineExceeded({
        wanted,
        ready,
        windowMs,
        state: draft.view.state(generation),
      }),
    };
  }
  const verified =
    draft.view.accepted(generation) === desiredShare(draft, generation) &&
    sameRoutes(draft.view.routes, draft.record.desired.routes);
  return {
    fault: 'technical',
    reason: verified ? rollStuck(windowMs) : trafficNotVerified(windowMs),
  };
}
