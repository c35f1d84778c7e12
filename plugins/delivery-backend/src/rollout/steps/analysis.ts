import { runOfStep, startAnalysis } from '../analysisRuns';
import { wakeAt } from '../draft';
import { pauseRollout } from '../pausing';
import { analysisOverdue } from '../reasons';
import { applyVerdict } from '../verdicts';
import { StepRunner } from './step';

/** A judge that has not spoken this long after it was due is broken. */
const OVERDUE_GRACE_MS = 60_000;

/** Measures the candidate and waits for the verdict of the judge. */
export const analysis: StepRunner<'analysis'> = {
  enter({ draft, rollout, state, step }) {
    const run = startAnalysis(draft, rollout, step.analysis, {
      placement: 'step',
      stepIndex: state.index,
    });
    state.analysisId = run.id;
    state.endsAtMs = run.startedAtMs + step.analysis.durationMs;
    delete state.verdict;
  },
  check(context) {
    const { draft, rollout, state, step } = context;
    const run = runOfStep(rollout, state.analysisId);
    if (!run) {
      // A person asked to measure again.
      analysis.enter(context);
      return 'moved';
    }
    const judged = draft.input.verdicts[run.id];
    if (run.status === 'running' && judged?.verdict) {
      state.verdict = judged.verdict;
      applyVerdict(draft, rollout, run, judged, judged.verdict);
    }
    switch (run.status) {
      case 'pass':
        return 'done';
      case 'running': {
        const overdueAtMs =
          run.deadlineMs + step.analysis.intervalMs + OVERDUE_GRACE_MS;
        if (draft.nowMs >= overdueAtMs) {
          run.status = 'stopped';
          pauseRollout(draft, rollout, 'errored', {
            detail: analysisOverdue(run.deadlineMs, draft.nowMs),
          });
          return 'held';
        }
        wakeAt(
          draft,
          nextLook(run.startedAtMs, step.analysis.intervalMs, draft.nowMs),
        );
        for (const atMs of [state.endsAtMs, run.deadlineMs, overdueAtMs]) {
          wakeAt(draft, atMs && atMs > draft.nowMs ? atMs : undefined);
        }
        return 'held';
      }
      default:
        // Whatever ended the pause, only a verdict or a person leads on.
        if (!rollout.paused && rollout.phase === 'stepping') {
          pauseRollout(
            draft,
            rollout,
            run.status === 'inconclusive' ? 'inconclusive' : 'errored',
            { detail: judged?.reason },
          );
        }
        return 'held';
    }
  },
};

/** The end of the measuring interval that is going on. */
function nextLook(startedAtMs: number, intervalMs: number, nowMs: number) {
  const interval = Math.max(1_000, intervalMs);
  const passed = Math.max(0, Math.floor((nowMs - startedAtMs) / interval));
  return startedAtMs + (passed + 1) * interval;
}
