import {
  Command,
  DeploymentVerb,
  RolloutState,
} from '@slipway/backstage-plugin-delivery-common';
import { leaveToDrain, startAbort } from '../abort';
import { armProgress } from '../deadlines';
import { activeRollout, Draft, note } from '../draft';
import { pauseRollout } from '../pausing';
import { byPerson } from '../reasons';
import { accept, Answer, GOING_BACK, refuse, Verb } from './answer';
import { promote, promoteFull, skipOne } from './forward';
import { retry } from './retry';

/*
 * The verbs of people. Each is answered at once: accepted with what it did, or
 * refused with what can be done instead. They change goals and steps only; the
 * traffic follows as far as the promises allow.
 */

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
      const answer = answerOne(draft, command);
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

function answerOne(draft: Draft, command: Command): Answer {
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
      return retry(draft, rollout);
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
