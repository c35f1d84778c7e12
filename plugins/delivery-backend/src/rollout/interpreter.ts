import {
  RolloutState,
  StepModel,
  StepState,
} from '@slipway/backstage-plugin-delivery-common';
import { advanceAbort, startAbort } from './abort';
import {
  armProgress,
  checkProgress,
  PAUSE_CEILING_MS,
  resetProgress,
} from './deadlines';
import {
  currentStep,
  Draft,
  isReflected,
  LOOK_AGAIN_MS,
  note,
  wakeAt,
} from './draft';
import { pauseRollout } from './pausing';
import { pauseCeilingReached } from './reasons';
import { STEP_RUNNERS, StepContext } from './steps';
import { keepBackground } from './verdicts';

/** One look at the rollout; whether something changed that asks for another look. */
export function advance(draft: Draft, rollout: RolloutState): boolean {
  if (rollout.phase === 'aborting') {
    return advanceAbort(draft, rollout);
  }
  if (rollout.phase !== 'stepping') {
    return false;
  }
  if (rollout.paused) {
    return heedPause(draft, rollout);
  }
  const state = currentStep(rollout);
  if (!state) {
    return false;
  }
  if (state.status === 'skipped' || state.status === 'done') {
    return nextStep(rollout);
  }
  if (!draft.view || !isReflected(draft)) {
    return waitOn(draft, rollout);
  }
  if (state.status === 'pending') {
    if (isTrafficElsewhere(draft)) {
      return waitOn(draft, rollout);
    }
    resetProgress(rollout);
    armProgress(draft, rollout);
    state.status = 'active';
    state.startedAtMs = draft.nowMs;
    note(draft, 'step-started', describeStep(state));
    enter(contextOf(draft, rollout, state));
    keepBackground(draft, rollout);
    return true;
  }
  const before = rollout.phase;
  switch (check(contextOf(draft, rollout, state))) {
    case 'done':
      state.status = 'done';
      state.finishedAtMs = draft.nowMs;
      return nextStep(rollout);
    case 'moved':
      return true;
    case 'waiting':
      return waitOn(draft, rollout);
    default:
      delete rollout.progressDeadlineMs;
      return rollout.phase !== before || rollout.paused !== undefined;
  }
}

function nextStep(rollout: RolloutState): boolean {
  resetProgress(rollout);
  if (rollout.phase === 'stepping') {
    rollout.stepIndex += 1;
  }
  return true;
}

function waitOn(draft: Draft, rollout: RolloutState): boolean {
  wakeAt(draft, draft.nowMs + LOOK_AGAIN_MS);
  const missed = checkProgress(draft, rollout);
  if (!missed) {
    return false;
  }
  if (missed.fault === 'release') {
    startAbort(draft, rollout, 'rolled-back', missed.reason);
  } else {
    pauseRollout(draft, rollout, 'errored', { detail: missed.reason });
  }
  return true;
}

/** A pause that has ended lets go; one that nobody ends goes back by itself. */
function heedPause(draft: Draft, rollout: RolloutState): boolean {
  const { paused } = rollout;
  if (!paused) {
    return false;
  }
  if (paused.untilMs !== undefined && draft.nowMs >= paused.untilMs) {
    delete rollout.paused;
    return true;
  }
  if (paused.deadlineMs !== undefined && draft.nowMs >= paused.deadlineMs) {
    startAbort(
      draft,
      rollout,
      'aborted',
      pauseCeilingReached(PAUSE_CEILING_MS),
    );
    return true;
  }
  wakeAt(draft, paused.untilMs ?? paused.deadlineMs);
  return false;
}

/**
 * A superseded candidate must be seen to have lost its traffic before the
 * first step of the next one; so must an earlier attempt of the same one.
 */
function isTrafficElsewhere(draft: Draft): boolean {
  const { view, record } = draft;
  const { stable, rollout } = record;
  if (!view || rollout?.stepIndex !== 0) {
    return false;
  }
  if (view.routes.length > 0) {
    return true;
  }
  // With nothing of stable ready there is nowhere for it to go: the new
  // release may be the repair.
  const canGo = stable !== undefined && view.ready(stable.generation) > 0;
  return (
    canGo && view.served().some(generation => generation !== stable.generation)
  );
}

/** "Scale the candidate to 10 %" */
export function describeStep(state: StepState): string {
  const { step } = state;
  const place = `Step ${state.index + 1}`;
  switch (step.type) {
    case 'scale':
      return `${place}: scale the candidate to ${
        'count' in step.replicas
          ? step.replicas.count
          : `${step.replicas.percent} %`
      }`;
    case 'weight':
      return `${place}: ${step.percent} % of the traffic to the candidate`;
    case 'route':
      return step.headers.length > 0
        ? `${place}: requests with ${step.headers
            .map(({ name }) => name)
            .join(' and ')} to the candidate`
        : `${place}: no requests by their headers to the candidate any more`;
    case 'mirror':
      return step.percent > 0
        ? `${place}: copies of ${step.percent} % of the requests to the candidate`
        : `${place}: no copies of requests any more`;
    case 'pause':
      return step.durationMs === undefined
        ? `${place}: wait for a person`
        : `${place}: wait`;
    case 'analysis':
      return `${place}: analyse the candidate`;
    case 'hook':
      return `${place}: run the job "${step.job}"`;
    case 'roll':
      return `${place}: replace stable batch by batch`;
    case 'delegate':
      return `${place}: ${step.leader} replaces stable in place`;
    default:
      return `${place}: promote the candidate`;
  }
}

function contextOf(draft: Draft, rollout: RolloutState, state: StepState) {
  const { view } = draft;
  if (!view) {
    throw new TypeError('A step was run without a known world');
  }
  return { draft, rollout, state, view };
}

type AnyContext = ReturnType<typeof contextOf>;

/** Pairs a step with the runner of its own type. */
function withRunner<R>(
  context: AnyContext,
  use: <T extends StepModel['type']>(
    runner: (typeof STEP_RUNNERS)[T],
    context: StepContext<T>,
  ) => R,
): R {
  const { step } = context.state;
  switch (step.type) {
    case 'scale':
      return use<'scale'>(STEP_RUNNERS.scale, { ...context, step });
    case 'weight':
      return use<'weight'>(STEP_RUNNERS.weight, { ...context, step });
    case 'route':
      return use<'route'>(STEP_RUNNERS.route, { ...context, step });
    case 'mirror':
      return use<'mirror'>(STEP_RUNNERS.mirror, { ...context, step });
    case 'pause':
      return use<'pause'>(STEP_RUNNERS.pause, { ...context, step });
    case 'analysis':
      return use<'analysis'>(STEP_RUNNERS.analysis, { ...context, step });
    case 'hook':
      return use<'hook'>(STEP_RUNNERS.hook, { ...context, step });
    case 'roll':
      return use<'roll'>(STEP_RUNNERS.roll, { ...context, step });
    case 'delegate':
      return use<'delegate'>(STEP_RUNNERS.delegate, { ...context, step });
    default:
      return use<'promote'>(STEP_RUNNERS.promote, { ...context, step });
  }
}

function enter(context: AnyContext): void {
  withRunner(context, (runner, narrowed) => runner.enter(narrowed));
}

function check(context: AnyContext) {
  return withRunner(context, (runner, narrowed) => runner.check(narrowed));
}
