import {
  Command,
  Deployment,
  Release,
  isTerminalDeployment,
} from '@slipway/backstage-plugin-delivery-common';
import { QueueMode } from '../governance';
import { beginRepair, describeDrift } from '../rollout';
import { Changes } from './changes';
import { activeRollout, withOutcome } from './deploymentRows';
import { beginGiveBack, endGiveBack } from './giveBackVerb';
import { newDeployment } from './newDeployment';

/** What the answers depend on beside the changes so far. */
export interface CommandFacts {
  queue: QueueMode;
  startDeadlineMs: number;
  /** The deployment whose rollout has not ended: its verbs are not answered here. */
  activeId?: string;
  /** Deployments that ended and got a verb. */
  ended: ReadonlyMap<string, Deployment>;
  /** The release that is stable, when a restart asks for it. */
  stableRelease?: Pick<Release, 'id' | 'version' | 'commit'>;
  /** Not terminal. */
  open: Deployment[];
  /** The environment can be given to somebody. */
  canGiveBack?: boolean;
}

const because = (command: Command) =>
  command.reason ? `: ${command.reason}` : '';

function hold(changes: Changes, command: Command) {
  changes.row = {
    ...changes.row,
    hold: {
      by: command.actor,
      sinceMs: changes.nowMs,
      reason: command.reason ?? 'No reason was given',
    },
  };
  changes.answer(command, true, 'Automation is on hold');
  changes.event({
    type: 'hold-set',
    message: `Automation is on hold${because(command)}`,
    level: 'warning',
    actor: command.actor,
  });
}

function releaseHold(changes: Changes, command: Command) {
  if (!changes.row.hold) {
    changes.answer(command, false, 'There is no hold to release');
    return;
  }
  if (changes.row.record.giveBack) {
    changes.answer(
      command,
      false,
      'It is being given back, which needs the hold: take over first',
    );
    return;
  }
  changes.row = { ...changes.row, hold: undefined };
  changes.answer(command, true, 'The hold is released; automation goes on');
  changes.event({
    type: 'hold-released',
    message: `The hold is released${because(command)}`,
    actor: command.actor,
  });
}

function takeOver(changes: Changes, command: Command) {
  const { foreignEpoch, record } = changes.row;
  if (foreignEpoch === undefined && record.giveBack) {
    endGiveBack(changes, command);
    return;
  }
  if (foreignEpoch === undefined) {
    takeFields(changes, command);
    return;
  }
  changes.takeOverFrom = foreignEpoch;
  changes.row = { ...changes.row, foreignEpoch: undefined };
  changes.answer(
    command,
    true,
    `Taken over from epoch ${foreignEpoch}; what is desired here is put in force`,
  );
  changes.event({
    type: 'taken-over',
    message: `Taken over from epoch ${foreignEpoch}${because(command)}`,
    level: 'warning',
    actor: command.actor,
  });
  changes.audits.push({
    actor: command.actor,
    verb: 'take-over',
    subject: command.subjectId,
    reason: command.reason,
    outcome: `epoch ${foreignEpoch} of the world is superseded`,
  });
}

/** What others have changed is written with the next look, once. */
function takeFields(changes: Changes, command: Command) {
  const { record } = changes.row;
  const { conflict } = record;
  const drifted = record.drift?.found ?? [];
  const isAtRest = activeRollout(record.rollout) === undefined;
  if (drifted.length > 0 && (isAtRest || !conflict)) {
    takeBack(changes, command, describeDrift(drifted));
    return;
  }
  if (!conflict) {
    changes.answer(
      command,
      false,
      'There is nothing to take over: nobody else has written here',
    );
    return;
  }
  changes.row = {
    ...changes.row,
    record: { ...record, conflict: { ...conflict, takeOver: true } },
  };
  changes.answer(command, true, 'What others have changed is made ours again');
  changes.event({
    type: 'taken-over',
    message: `Taken over: ${conflict.message}${because(command)}`,
    level: 'warning',
    deploymentId: record.stable?.deploymentId,
    actor: command.actor,
  });
  changes.audits.push({
    actor: command.actor,
    verb: 'take-over',
    subject: command.subjectId,
    reason: command.reason,
    outcome: conflict.message,
  });
}

/** What was changed while nothing went on: all of it is written again, once. */
function takeBack(changes: Changes, command: Command, drifted: string) {
  const { row, nowMs } = changes;
  const { target } = row;
  if (activeRollout(row.record.rollout)) {
    changes.answer(
      command,
      false,
      `A deployment to ${target.environment} is under way and writes it anyway`,
    );
    return;
  }
  changes.row = { ...row, record: beginRepair(row.record, 0, nowMs) };
  changes.answer(command, true, 'What others have changed is written again');
  changes.event({
    type: 'taken-over',
    message: `Taken over: ${drifted}${because(command)}`,
    level: 'warning',
    deploymentId: row.record.stable?.deploymentId,
    actor: command.actor,
  });
  changes.audits.push({
    actor: command.actor,
    verb: 'take-over',
    subject: command.subjectId,
    reason: command.reason,
    outcome: drifted,
  });
}

function isFull(facts: CommandFacts, changes: Changes): boolean {
  return (
    facts.queue === 'reject' && facts.open.length + changes.created.length > 0
  );
}

function restart(changes: Changes, command: Command, facts: CommandFacts) {
  const { stable } = changes.row.record;
  if (!stable || !facts.stableRelease) {
    changes.answer(command, false, 'Nothing runs here that could be restarted');
    return;
  }
  if (isFull(facts, changes)) {
    changes.answer(
      command,
      false,
      'A deployment is under way: wait for its end',
    );
    return;
  }
  const deployment = newDeployment({
    target: changes.row.target,
    release: facts.stableRelease,
    kind: 'restart',
    actor: command.actor,
    cause: command.reason ?? 'Restart',
    idempotencyKey: `command:${command.id}`,
    planId: stable.planId,
    previousReleaseId: stable.releaseId,
    nowMs: changes.nowMs,
    startDeadlineMs: facts.startDeadlineMs,
  });
  changes.created.push(deployment);
  changes.answer(
    command,
    true,
    `Restarts ${deployment.releaseVersion} as deployment ${deployment.id}`,
  );
}

function retry(
  changes: Changes,
  command: Command,
  facts: CommandFacts,
  ended: Deployment,
) {
  if (ended.status === 'succeeded' || ended.status === 'superseded') {
    changes.answer(
      command,
      false,
      `A deployment that is ${ended.status} is not retried; deploy its release instead`,
    );
    return;
  }
  if (isFull(facts, changes)) {
    changes.answer(
      command,
      false,
      'A deployment is under way: wait for its end',
    );
    return;
  }
  const deployment = newDeployment({
    target: changes.row.target,
    release: {
      id: ended.releaseId,
      version: ended.releaseVersion,
      commit: {
        sha: ended.commitSha,
        message: '',
        author: '',
        committedAtMs: 0,
      },
    },
    kind: ended.kind,
    actor: command.actor,
    cause: `Retry of ${ended.releaseVersion}, ${
      ended.outcome?.replace('-', ' ') ?? 'not ended'
    } before${because(command)}`,
    idempotencyKey: `command:${command.id}`,
    // A rollback goes back to the same plan; a deployment is rendered again.
    ...(ended.kind === 'deploy' ? {} : { planId: ended.planId }),
    previousReleaseId: changes.row.record.stable?.releaseId,
    nowMs: changes.nowMs,
    startDeadlineMs: facts.startDeadlineMs,
  });
  changes.created.push(deployment);
  changes.answer(command, true, `Retried as deployment ${deployment.id}`);
}

function onWaiting(changes: Changes, command: Command, waiting: Deployment) {
  if (command.verb !== 'cancel' && command.verb !== 'abort') {
    changes.answer(
      command,
      false,
      `The deployment is ${waiting.status} and has not started: it can only be cancelled`,
    );
    return;
  }
  const message = `Cancelled before it started${because(command)}`;
  changes.setDeployment(
    withOutcome(waiting, 'cancelled', changes.nowMs, {
      code: 'cancelled',
      message,
    }),
  );
  changes.answer(command, true, message);
  changes.event({
    type: 'deployment-cancelled',
    message,
    deploymentId: waiting.id,
    actor: command.actor,
  });
}

function onDeployment(
  changes: Changes,
  command: Command,
  facts: CommandFacts,
): void {
  const deployment =
    changes.deployment(command.subjectId) ?? facts.ended.get(command.subjectId);
  if (!deployment) {
    changes.answer(command, false, 'There is no such deployment');
  } else if (!isTerminalDeployment(deployment.status)) {
    onWaiting(changes, command, deployment);
  } else if (command.verb === 'retry') {
    retry(changes, command, facts, deployment);
  } else {
    changes.answer(
      command,
      false,
      `The deployment has ended: it is ${deployment.status}`,
    );
  }
}

/**
 * Answers the verbs that need no look at the world. Returns the ones on the
 * active deployment, which the rollout room answers.
 */
export function answerCommands(
  changes: Changes,
  commands: Command[],
  facts: CommandFacts,
): Command[] {
  const forRollout: Command[] = [];
  for (const command of commands) {
    if (command.subjectId === facts.activeId) {
      forRollout.push(command);
    } else if (command.subjectKind === 'deployment') {
      onDeployment(changes, command, facts);
    } else if (command.verb === 'hold') {
      hold(changes, command);
    } else if (command.verb === 'release-hold') {
      releaseHold(changes, command);
    } else if (command.verb === 'take-over') {
      takeOver(changes, command);
    } else if (command.verb === 'give-back') {
      beginGiveBack(changes, command, facts);
    } else if (command.verb === 'restart') {
      restart(changes, command, facts);
    } else {
      changes.answer(
        command,
        false,
        `A target does not know the verb "${command.verb}"`,
      );
    }
  }
  return forRollout;
}
