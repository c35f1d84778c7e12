import {
  Command,
  Deployment,
  GiveBackProgress,
} from '@slipway/backstage-plugin-delivery-common';
import { keepTarget, retryGiveBack, startGiveBack } from '../rollout';
import { Changes } from './changes';

const because = (command: Command) =>
  command.reason ? `: ${command.reason}` : '';

/** Deployments that have begun; those that wait go on waiting. */
function hasBegun({ status }: Deployment): boolean {
  return status !== 'queued' && status !== 'gated';
}

/**
 * The verb _give back_: automation stops at once, and from the next look on the
 * environment is given back, step by step.
 */
export function beginGiveBack(
  changes: Changes,
  command: Command,
  facts: { canGiveBack?: boolean; activeId?: string; open: Deployment[] },
): void {
  const { record } = changes.row;
  if (record.giveBack?.overdue) {
    tryAgain(changes, command, record.giveBack);
    return;
  }
  const obstacle = obstacleTo(changes, facts);
  if (obstacle || !record.stable) {
    changes.answer(
      command,
      false,
      obstacle ?? 'Nothing of ours runs here that could be given back',
    );
    return;
  }
  changes.row = {
    ...changes.row,
    hold: changes.row.hold ?? {
      by: command.actor,
      sinceMs: changes.nowMs,
      reason: `Given back${because(command)}`,
    },
    record: {
      ...record,
      giveBack: startGiveBack({
        by: command.actor,
        planId: record.stable.planId,
        nowMs: changes.nowMs,
      }),
    },
  };
  changes.answer(
    command,
    true,
    'It is being given back; automation is on hold',
  );
  changes.event({
    type: 'give-back-begun',
    message: `It is being given back, and automation is on hold${because(
      command,
    )}`,
    level: 'warning',
    deploymentId: record.stable.deploymentId,
    actor: command.actor,
  });
  changes.audits.push({
    actor: command.actor,
    verb: 'give-back',
    subject: command.subjectId,
    reason: command.reason,
    outcome: 'begun',
  });
}

/** It was not done in time, and a person says that it is to go on. */
function tryAgain(
  changes: Changes,
  command: Command,
  giveBack: GiveBackProgress,
): void {
  const { record } = changes.row;
  changes.row = {
    ...changes.row,
    record: {
      ...record,
      giveBack: retryGiveBack(giveBack, {
        by: command.actor,
        nowMs: changes.nowMs,
      }),
    },
  };
  const message = 'Giving it back is tried again';
  changes.answer(command, true, message);
  changes.event({
    type: 'give-back-retried',
    message: `${message}${because(command)}`,
    level: 'warning',
    deploymentId: record.stable?.deploymentId,
    actor: command.actor,
  });
  changes.audits.push({
    actor: command.actor,
    verb: 'give-back',
    subject: command.subjectId,
    reason: command.reason,
    outcome: 'tried again',
  });
}

function obstacleTo(
  { row }: Changes,
  facts: { canGiveBack?: boolean; activeId?: string; open: Deployment[] },
): string | undefined {
  if (row.record.giveBack) {
    return 'It is being given back already';
  }
  if (!facts.canGiveBack) {
    return 'This environment has nobody to be given back to: nothing runs there without Slipway';
  }
  return facts.activeId !== undefined || facts.open.some(hasBegun)
    ? 'A deployment is under way: wait for its end, or abort it first'
    : undefined;
}

/** A person takes it over again before it was given back. */
export function endGiveBack(changes: Changes, command: Command): void {
  const { record } = changes.row;
  changes.row = {
    ...changes.row,
    record: keepTarget(record, { force: true, nowMs: changes.nowMs }),
  };
  changes.answer(command, true, 'It is not given back; it is ours again');
  changes.event({
    type: 'taken-over',
    message: `It is not given back after all${because(command)}`,
    level: 'warning',
    deploymentId: record.stable?.deploymentId,
    actor: command.actor,
  });
  changes.audits.push({
    actor: command.actor,
    verb: 'take-over',
    subject: command.subjectId,
    reason: command.reason,
    outcome: 'giving back has ended',
  });
}
