import {
  RolloutState,
  StepState,
} from '@slipway/backstage-plugin-delivery-common';
import { runningBackground, startAnalysis } from '../analysisRuns';
import { armProgress } from '../deadlines';
import { currentStep, Draft } from '../draft';
import { retryHook } from '../steps';
import { accept, Answer, GOING_BACK, refuse } from './answer';

/** Tries what went wrong once more: measures again, or gives the step its time anew. */
export function retry(draft: Draft, rollout: RolloutState): Answer {
  if (rollout.phase === 'aborting') {
    if (!rollout.paused || !rollout.abort) {
      return refuse(GOING_BACK);
    }
    delete rollout.paused;
    rollout.abort.deadlineMs = draft.nowMs + rollout.progressDeadlineWindowMs;
    return accept('The way back gets its time anew');
  }
  const { paused } = rollout;
  const troubled =
    rollout.error !== undefined ||
    paused?.reason === 'errored' ||
    paused?.reason === 'inconclusive';
  if (!troubled) {
    return refuse(
      'Nothing went wrong that could be tried again; a deployment that has ended is started as a new attempt',
    );
  }
  if (paused && paused.reason !== 'manual' && paused.reason !== 'step') {
    delete rollout.paused;
  }
  delete rollout.error;
  delete rollout.progressMark;
  armProgress(draft, rollout);
  if (rollout.goal?.delegated === 'running') {
    rollout.goal.delegatedAgain = (rollout.goal.delegatedAgain ?? 0) + 1;
  }
  const step = currentStep(rollout);
  if (step) {
    retryHook(draft, rollout, step);
  }
  measureAgain(draft, rollout);
  return accept('Tried again');
}

function measureAgain(draft: Draft, rollout: RolloutState): void {
  const step: StepState | undefined = currentStep(rollout);
  if (
    step?.step.type === 'analysis' &&
    step.status === 'active' &&
    !rollout.analyses.some(
      run => run.id === step.analysisId && run.status === 'running',
    )
  ) {
    // The step starts a new run when it is looked at.
    delete step.analysisId;
    delete step.verdict;
  }
  const { strategy } = rollout;
  const wanted =
    rollout.backgroundFromIndex !== undefined &&
    rollout.stepIndex >= rollout.backgroundFromIndex &&
    strategy.type === 'canary' &&
    strategy.background;
  const last = rollout.analyses
    .filter(run => run.placement === 'background')
    .at(-1);
  if (
    wanted &&
    last &&
    !runningBackground(rollout) &&
    (last.status === 'error' || last.status === 'inconclusive')
  ) {
    startAnalysis(draft, rollout, wanted, { placement: 'background' });
  }
}
