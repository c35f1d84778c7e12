import {
  AnalysisRun,
  AnalysisVerdict,
  Reason,
  RolloutState,
  VerdictKind,
} from '@slipway/backstage-plugin-delivery-common';
import { startAbort } from './abort';
import { runningBackground, startAnalysis } from './analysisRuns';
import { currentStep, Draft, note } from './draft';
import { pauseRollout } from './pausing';
import { RolloutEvent } from './types';

const FALLBACK: Record<VerdictKind, Reason> = {
  pass: { code: 'analysis-passed', message: 'The analysis passed' },
  fail: { code: 'metric-failed', message: 'The analysis failed' },
  inconclusive: {
    code: 'analysis-inconclusive',
    message: 'The analysis could not say yes or no',
    action: 'Promote to go on, retry to measure again, or abort',
  },
  error: {
    code: 'analysis-errored',
    message: 'The metrics could not be read',
    action: 'Retry to measure again, promote to go on without it, or abort',
  },
};

const LEVELS: Record<VerdictKind, RolloutEvent['level']> = {
  pass: 'info',
  fail: 'error',
  inconclusive: 'warning',
  error: 'warning',
};

/** What a verdict leads to: on, back, or to a person. */
export function applyVerdict(
  draft: Draft,
  rollout: RolloutState,
  run: AnalysisRun,
  judged: AnalysisVerdict,
  verdict: VerdictKind,
): void {
  run.status = verdict;
  const reason = judged.reason ?? FALLBACK[verdict];
  note(draft, 'verdict', `Verdict ${verdict}: ${reason.message}`, {
    level: LEVELS[verdict],
    reason,
  });
  if (verdict === 'fail') {
    startAbort(draft, rollout, 'rolled-back', reason);
  } else if (verdict !== 'pass') {
    pauseRollout(
      draft,
      rollout,
      verdict === 'error' ? 'errored' : 'inconclusive',
      { detail: reason },
    );
  }
}

/**
 * Listens to the judges while the steps go on, also while they are paused: a
 * bad verdict is acted on at once. A background analysis that passes goes on
 * measuring until the promotion; one that is inconclusive so far may still get
 * its samples, and is asked for its last word by the promotion.
 */
export function heedVerdicts(draft: Draft, rollout: RolloutState): void {
  if (rollout.phase !== 'stepping') {
    return;
  }
  for (const run of rollout.analyses) {
    const judged = draft.input.verdicts[run.id];
    if (run.status !== 'running' || !judged?.verdict) {
      continue;
    }
    const decisive =
      judged.verdict === 'fail' ||
      (judged.verdict === 'error' && run.placement === 'background');
    if (decisive) {
      const step = currentStep(rollout);
      if (step && step.analysisId === run.id) {
        step.verdict = judged.verdict;
      }
      applyVerdict(draft, rollout, run, judged, judged.verdict);
    }
    if (rollout.phase !== 'stepping') {
      return;
    }
  }
}

/** Starts the background analysis at its step, once for each need. */
export function keepBackground(draft: Draft, rollout: RolloutState): void {
  const { strategy, backgroundFromIndex: fromIndex } = rollout;
  if (
    fromIndex === undefined ||
    rollout.stepIndex < fromIndex ||
    strategy.type !== 'canary' ||
    !strategy.background ||
    rollout.analyses.some(run => run.placement === 'background')
  ) {
    return;
  }
  startAnalysis(draft, rollout, strategy.background, {
    placement: 'background',
  });
}

/**
 * The last word of the background analysis before the promotion. A
 * verification is never skipped silently: without a verdict the promotion
 * waits (the judge speaks at the run's deadline at the latest).
 */
export function closeBackground(draft: Draft, rollout: RolloutState): boolean {
  const run = runningBackground(rollout);
  if (!run) {
    return true;
  }
  const judged = draft.input.verdicts[run.id];
  if (!judged?.verdict) {
    return false;
  }
  applyVerdict(draft, rollout, run, judged, judged.verdict);
  return run.status === 'pass';
}
