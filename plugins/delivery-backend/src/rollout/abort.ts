import {
  Outcome,
  Reason,
  RolloutState,
} from '@slipway/backstage-plugin-delivery-common';
import { stopAnalyses } from './analysisRuns';
import { PAUSE_CEILING_MS, suspendProgress } from './deadlines';
import {
  currentStep,
  desiredShare,
  Draft,
  isReflected,
  isSameAsStable,
  LOOK_AGAIN_MS,
  note,
  wakeAt,
} from './draft';
import { delegatedKey } from './delegated';
import { drainCandidate } from './drain';
import { finish } from './finish';
import { goingBackIsLate, stableUnavailable } from './reasons';

/*
 * The way back, in this order and no other:
 *
 * 0. requests by their headers and copies go to the candidate no more
 *    (routes.ts), whatever else has to wait;
 * 1. stable is brought to its full size, and traffic returns to it as fast as
 *    its ready capacity allows (see capacity.ts), the candidate keeps the rest;
 * 2. the router is seen to give the candidate nothing;
 * 3. only then the candidate is scaled away, and that is seen too.
 *
 * Going back is sticky: nothing leads from here to stepping again by itself.
 * When nothing of stable is ready and the candidate is the only healthy copy,
 * the candidate keeps the traffic (going "back" to a broken stable would turn
 * a bad release into an outage), and a person is asked after the deadline.
 */

const ASKED_AGAIN_MS = 5_000;

/** Begins the way back. A rollout that is on its way back already keeps its first reason. */
export function startAbort(
  draft: Draft,
  rollout: RolloutState,
  outcome: Outcome,
  reason: Reason,
): void {
  if (rollout.phase !== 'stepping') {
    return;
  }
  const step = currentStep(rollout);
  if (step?.status === 'active') {
    step.status = outcome === 'rolled-back' ? 'failed' : 'skipped';
    step.finishedAtMs = draft.nowMs;
    step.reason = reason;
  }
  const reached: Outcome =
    outcome === 'rolled-back' && !draft.record.stable ? 'failed' : outcome;
  stopAnalyses(rollout);
  suspendProgress(rollout);
  delete rollout.paused;
  delete rollout.error;
  rollout.phase = 'aborting';
  rollout.abort = {
    outcome: reached,
    reason,
    sinceMs: draft.nowMs,
    deadlineMs: draft.nowMs + rollout.progressDeadlineWindowMs,
  };
  const { replicas = 0, stableReplicas, delegated } = rollout.goal ?? {};
  rollout.goal = {
    replicas,
    percent: 0,
    ...(delegated && draft.record.stable ? { delegated: 'running' } : {}),
    ...(stableReplicas === undefined ? {} : { stableAtMost: stableReplicas }),
  };
  note(draft, 'rollback-started', `Going back: ${reason.message}`, {
    level: outcome === 'rolled-back' ? 'error' : 'warning',
    reason,
  });
}

/** One look at the way back; whether something changed that asks for another look. */
export function advanceAbort(draft: Draft, rollout: RolloutState): boolean {
  const { abort, candidate, goal } = rollout;
  if (!abort || !goal) {
    return false;
  }
  if (isSameAsStable(draft, rollout)) {
    // There was never a second copy: nothing to take away.
    finish(draft, rollout, abort.outcome, abort.reason);
    return true;
  }
  const { generation } = candidate;
  const { view } = draft;
  if (goal.delegated) {
    return advanceDelegated(draft, rollout);
  }
  if (view && isReflected(draft)) {
    const cleared =
      desiredShare(draft, generation) === 0 &&
      view.accepted(generation) === 0 &&
      view.routes.length === 0;
    if (goal.replicas > 0 && cleared) {
      goal.replicas = 0;
      note(
        draft,
        'traffic-returned',
        draft.record.stable
          ? 'All traffic is back on stable; the candidate is scaled away'
          : 'The candidate gets no traffic; it is scaled away',
      );
      return true;
    }
    if (goal.replicas === 0 && (view.state(generation)?.wanted ?? 0) === 0) {
      finish(draft, rollout, abort.outcome, abort.reason);
      return true;
    }
  }
  return checkAbortDeadline(draft, rollout);
}

/** The controller that leads brings the Plan before in place again. */
function advanceDelegated(draft: Draft, rollout: RolloutState): boolean {
  const { abort } = rollout;
  const { view } = draft;
  const { stable } = draft.record;
  const isBack =
    view?.delegated?.key === delegatedKey(rollout) &&
    view.delegated.phase === 'succeeded';
  if (
    abort &&
    view &&
    stable &&
    isReflected(draft) &&
    isBack &&
    view.ready(stable.generation) >= stable.replicas
  ) {
    note(draft, 'traffic-returned', 'Stable is in place again');
    finish(draft, rollout, abort.outcome, abort.reason);
    return true;
  }
  return checkAbortDeadline(draft, rollout);
}

/** Absolute: a way back that cannot be seen to end is left to the drain here. */
export function abortCeilingMs(rollout: RolloutState): number {
  return (
    (rollout.abort?.sinceMs ?? 0) +
    2 * rollout.progressDeadlineWindowMs +
    PAUSE_CEILING_MS
  );
}

function checkAbortDeadline(draft: Draft, rollout: RolloutState): boolean {
  const { abort, paused } = rollout;
  const { view, nowMs } = draft;
  if (!abort) {
    return false;
  }
  // After a person was asked it may take long.
  wakeAt(draft, nowMs + (paused ? ASKED_AGAIN_MS : LOOK_AGAIN_MS));
  if (nowMs >= abortCeilingMs(rollout)) {
    leaveToDrain(draft, rollout);
    return true;
  }
  if (nowMs < abort.deadlineMs) {
    return false;
  }
  const { stable } = draft.record;
  const readyOfStable = stable && view ? view.ready(stable.generation) : 0;
  const blocked =
    view !== undefined && stable !== undefined && readyOfStable === 0;
  // From the deadline on, whatever of stable is ready takes everything
  // (capacity.ts): give that as long again before a person is asked.
  const lateAtMs = abort.deadlineMs + rollout.progressDeadlineWindowMs;
  if (!blocked && nowMs < lateAtMs) {
    return false;
  }
  if (!paused) {
    rollout.paused = {
      reason: 'errored',
      sinceMs: nowMs,
      deadlineMs: abortCeilingMs(rollout),
      detail: blocked
        ? stableUnavailable(view.state(stable.generation))
        : goingBackIsLate(rollout.progressDeadlineWindowMs),
    };
    note(draft, 'rollback-late', rollout.paused.detail?.message ?? '', {
      level: 'error',
      reason: rollout.paused.detail,
    });
    return true;
  }
  return false;
}

/**
 * Ends the deployment without having seen the end of the way back: what is
 * left of the candidate drains. The drain keeps it as long as it is the only
 * copy that serves, and takes it away when it gets no traffic any more.
 */
export function leaveToDrain(draft: Draft, rollout: RolloutState): void {
  const { abort } = rollout;
  if (!abort) {
    return;
  }
  drainCandidate(draft, rollout);
  finish(draft, rollout, abort.outcome, {
    ...abort.reason,
    message: `${abort.reason.message} (${
      rollout.paused?.detail?.message ?? 'the way back was not verified'
    })`,
  });
}
