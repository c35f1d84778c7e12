import { Command, Deployment } from '@slipway/backstage-plugin-delivery-common';
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
      giveBack: {
        by: command.actor,
        sinceMs: changes.nowMs,
        planId: record.stable.planId,
      },
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
  const { giveBack, ...record } = changes.row.record;
  changes.row = {
    ...changes.row,
    record: {
      ...record,
      // What giving back wrote is older than what is written now.
      desired: { ...record.desired, revision: record.desired.revision + 2 },
      conflict: {
        message: 'It was being given back',
        sinceMs: giveBack?.sinceMs ?? changes.nowMs,
        takeOver: true,
      },
    },
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
