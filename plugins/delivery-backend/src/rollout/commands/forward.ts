import {
  Command,
  Reason,
  RolloutState,
  StepModel,
} from '@slipway/backstage-plugin-delivery-common';
import { stopAnalyses } from '../analysisRuns';
import { skipStep, skipToEverything } from '../begin';
import { armProgress } from '../deadlines';
import { currentStep, Draft } from '../draft';
import { accept, Answer, GOING_BACK, refuse } from './answer';

/** Pauses that a promotion does not answer: the step itself could not be done. */
const TECHNICAL = [
  'world-unknown',
  'world-not-converged',
  'traffic-not-verified',
  'roll-stuck',
  'hook-lost',
  'hook-not-started',
];

/** Ends a pause step, or accepts an analysis that could not decide. */
export function promote(
  draft: Draft,
  rollout: RolloutState,
  command: Command,
): Answer {
  if (rollout.phase !== 'stepping') {
    return refuse(GOING_BACK);
  }
  const step = currentStep(rollout);
  if (step?.step.type === 'pause' && step.status === 'active') {
    delete rollout.paused;
    step.status = 'done';
    step.finishedAtMs = draft.nowMs;
    return accept('The pause is over');
  }
  const { paused } = rollout;
  const about =
    paused?.reason === 'inconclusive' ||
    (paused?.reason === 'errored' &&
      !TECHNICAL.includes(paused.detail?.code ?? ''));
  if (!about) {
    return refuse(
      paused
        ? 'Nothing to promote: it is not a pause of a step or of an analysis; resume, retry or promote fully'
        : 'Nothing to promote: the deployment does not wait for a person',
    );
  }
  delete rollout.paused;
  if (step?.step.type === 'analysis' && step.status === 'active') {
    skipStep(step, acceptedBy(command), draft.nowMs);
  } else {
    armProgress(draft, rollout);
  }
  return accept('Goes on although the analysis did not pass');
}

function acceptedBy(command: Command): Reason {
  return {
    code: 'accepted-by-person',
    message: `${command.actor.ref} goes on without a verdict${
      command.reason ? `: ${command.reason}` : ''
    }`,
  };
}

/** Skips pauses and analyses; readiness and capacity are waited for as always. */
export function promoteFull(
  draft: Draft,
  rollout: RolloutState,
  command: Command,
): Answer {
  if (rollout.phase === 'aborting') {
    return keepCandidate(draft, rollout, command);
  }
  const reason: Reason = {
    code: 'skipped-by-person',
    message: `Promoted fully by ${command.actor.ref}${
      command.reason ? `: ${command.reason}` : ''
    }`,
  };
  stopAnalyses(rollout);
  delete rollout.backgroundFromIndex;
  delete rollout.paused;
  skipToEverything(rollout.steps, reason, draft.nowMs, {
    fromIndex: rollout.stepIndex,
    // A migration that was left out would break what comes after it.
    keepHooks: true,
  });
  armProgress(draft, rollout);
  return accept(
    'Pauses and analyses are skipped; traffic follows as soon as the instances are ready',
  );
}

/** The way back is blocked because stable is broken: a person may keep what serves. */
function keepCandidate(
  draft: Draft,
  rollout: RolloutState,
  command: Command,
): Answer {
  if (rollout.paused?.detail?.code !== 'stable-unavailable') {
    return refuse(GOING_BACK);
  }
  delete rollout.abort;
  delete rollout.paused;
  rollout.phase = 'stepping';
  delete rollout.backgroundFromIndex;
  for (const state of rollout.steps) {
    if (state.status !== 'done' && state.step.type !== 'promote') {
      skipStep(
        state,
        {
          code: 'skipped-by-person',
          message: `${command.actor.ref} keeps the candidate, because stable cannot serve`,
        },
        draft.nowMs,
      );
    }
  }
  const last = rollout.steps[rollout.steps.length - 1];
  last.status = 'pending';
  delete last.reason;
  delete last.finishedAtMs;
  rollout.stepIndex = last.index;
  armProgress(draft, rollout);
  return accept('The candidate is promoted as soon as all of it is ready');
}

/** What a step that is passed over has asked for beside the shares. */
function withdraw(rollout: RolloutState, type: StepModel['type']): void {
  if (type === 'route') {
    delete rollout.goal?.headers;
  } else if (type === 'mirror') {
    delete rollout.goal?.mirrorPercent;
  }
}

/** Passes over exactly the current step. */
export function skipOne(
  draft: Draft,
  rollout: RolloutState,
  command: Command,
): Answer {
  if (rollout.phase !== 'stepping') {
    return refuse(GOING_BACK);
  }
  const step = currentStep(rollout);
  if (!step || ['promote', 'roll', 'delegate'].includes(step.step.type)) {
    return refuse(
      'The current step brings the candidate to everything and cannot be skipped; abort instead',
    );
  }
  for (const run of rollout.analyses) {
    if (run.id === step.analysisId && run.status === 'running') {
      run.status = 'stopped';
    }
  }
  skipStep(
    step,
    {
      code: 'skipped-by-person',
      message: `Skipped by ${command.actor.ref}${
        command.reason ? `: ${command.reason}` : ''
      }`,
    },
    draft.nowMs,
  );
  withdraw(rollout, step.step.type);
  rollout.stepIndex += 1;
  if (rollout.paused?.reason !== 'manual') {
    delete rollout.paused;
  }
  delete rollout.progressMark;
  armProgress(draft, rollout);
  return accept(`Step ${step.index + 1} of ${rollout.steps.length} is skipped`);
}
