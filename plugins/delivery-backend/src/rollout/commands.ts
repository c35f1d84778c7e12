import {
  Command,
  DeploymentVerb,
  Reason,
  RolloutState,
  StepState,
} from '@slipway/backstage-plugin-delivery-common';
import { leaveToDrain, startAbort } from './abort';
import { runningBackground, startAnalysis, stopAnalyses } from './analysisRuns';
import { skipStep, skipToEverything } from './begin';
import { armProgress } from './deadlines';
import { activeRollout, currentStep, Draft, note } from './draft';
import { pauseRollout } from './pausing';
import { byPerson } from './reasons';

/*
 * The verbs of people. Each is answered at once: accepted with what it did, or
 * refused with what can be done instead. They change goals and steps only; the
 * traffic follows as far as the promises allow.
 */

type Answer = { accepted: boolean; message: string };
type Verb = (draft: Draft, rollout: RolloutState, command: Command) => Answer;

const VERBS: Record<DeploymentVerb, Verb> = {
  promote,
  'promote-full': promoteFull,
  'skip-step': skipOne,
  pause,
  resume,
  abort: (draft, rollout, command) =>
    goBack(draft, rollout, command, 'aborted'),
  cancel: (draft, rollout, command) =>
    goBack(draft, rollout, command, 'cancelled'),
  retry,
};

/** Answers every verb on a deployment; verbs on other subjects are left to the engine. */
export function answerCommands(draft: Draft, commands: Command[]): void {
  for (const command of commands) {
    if (command.subjectKind === 'deployment') {
      const answer = answer1(draft, command);
      draft.answers.push({ commandId: command.id, ...answer });
      if (answer.accepted) {
        note(
          draft,
          `verb-${command.verb}`,
          `${command.actor.ref}: ${command.verb}${
            command.reason ? ` (${command.reason})` : ''
          }. ${answer.message}`,
          { deploymentId: command.subjectId },
        );
      }
    }
  }
}

function answer1(draft: Draft, command: Command): Answer {
  const rollout = activeRollout(draft);
  if (!rollout || rollout.deploymentId !== command.subjectId) {
    return refuse(
      'The deployment is not going on any more; start a new attempt or another release',
    );
  }
  const verb = VERBS[command.verb as DeploymentVerb];
  return verb
    ? verb(draft, rollout, command)
    : refuse(`"${command.verb}" is not a verb of a deployment`);
}

function accept(message: string): Answer {
  return { accepted: true, message };
}

function refuse(message: string): Answer {
  return { accepted: false, message };
}

const GOING_BACK =
  'The deployment is going back already, and that is not undone; start a new attempt afterwards';

/** Pauses that a promotion does not answer: the step itself could not be done. */
const TECHNICAL = [
  'world-unknown',
  'world-not-converged',
  'traffic-not-verified',
  'roll-stuck',
];

/** Ends a pause step, or accepts an analysis that could not decide. */
function promote(
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
function promoteFull(
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
  skipToEverything(rollout.steps, reason, draft.nowMs, rollout.stepIndex);
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

/** Passes over exactly the current step. */
function skipOne(
  draft: Draft,
  rollout: RolloutState,
  command: Command,
): Answer {
  if (rollout.phase !== 'stepping') {
    return refuse(GOING_BACK);
  }
  const step = currentStep(rollout);
  if (!step || step.step.type === 'promote' || step.step.type === 'roll') {
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
  rollout.stepIndex += 1;
  if (rollout.paused?.reason !== 'manual') {
    delete rollout.paused;
  }
  delete rollout.progressMark;
  armProgress(draft, rollout);
  return accept(`Step ${step.index + 1} of ${rollout.steps.length} is skipped`);
}

function pause(draft: Draft, rollout: RolloutState, command: Command): Answer {
  if (rollout.phase !== 'stepping') {
    return refuse(GOING_BACK);
  }
  const { paused } = rollout;
  if (paused && paused.reason !== 'step') {
    return refuse('It is paused already');
  }
  pauseRollout(draft, rollout, 'manual', {
    detail: {
      code: 'paused-by-person',
      message: command.reason
        ? `${command.actor.ref}: ${command.reason}`
        : command.actor.ref,
    },
  });
  return accept('No step advances until it is resumed');
}

function resume(draft: Draft, rollout: RolloutState, command: Command): Answer {
  const { paused } = rollout;
  if (rollout.phase !== 'stepping') {
    return refuse(GOING_BACK);
  }
  switch (paused?.reason) {
    case 'manual':
      delete rollout.paused;
      armProgress(draft, rollout);
      return accept('Goes on where it was');
    case 'step':
      return promote(draft, rollout, command);
    case 'errored':
      return retry(draft, rollout, command);
    case 'inconclusive':
      return refuse(
        'The analysis could not decide: promote to go on, retry to measure again, or abort',
      );
    default:
      return refuse('It is not paused');
  }
}

function goBack(
  draft: Draft,
  rollout: RolloutState,
  command: Command,
  outcome: 'aborted' | 'cancelled',
): Answer {
  if (rollout.phase === 'aborting') {
    if (!rollout.paused) {
      return accept('It is going back already');
    }
    leaveToDrain(draft, rollout);
    return accept(
      'The deployment is over; the candidate goes as soon as something else can serve',
    );
  }
  startAbort(
    draft,
    rollout,
    outcome,
    byPerson(outcome, command.actor.ref, command.reason),
  );
  return accept(
    draft.record.stable
      ? 'Traffic goes back to stable first, then the candidate is scaled away'
      : 'The candidate is taken away; nothing was there before',
  );
}

/** Tries what went wrong once more: measures again, or gives the step its time anew. */
function retry(draft: Draft, rollout: RolloutState, _command: Command): Answer {
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
