import { randomUUID } from 'node:crypto';
import { CommandAnswer } from '@slipway/backstage-plugin-delivery-common';
import type { Command } from '@slipway/backstage-plugin-delivery-common';
import type { DeliveryStore } from '../../store';
import { Context, VerbOptions } from './types';

/** People wait for a verb to take effect, but not for long. */
const WAIT_MS = 1_000;
const POLL_MS = 40;

/**
 * Writes the verb down and waits a moment for the engine's answer. Without
 * one in time the answer is marked `pending`: the verb is not lost, the next
 * tick answers it, and the change stream tells of its effect.
 */
export async function runCommand(
  store: Pick<DeliveryStore, 'commands'>,
  context: Context,
  subject: {
    kind: Command['subjectKind'];
    id: string;
    verb: Command['verb'];
    wake?: () => void | Promise<void>;
  },
  options: VerbOptions & { nowMs: number; waitMs?: number },
): Promise<CommandAnswer> {
  const { command, answer } = await store.commands.add({
    id: randomUUID(),
    verb: subject.verb,
    subjectKind: subject.kind,
    subjectId: subject.id,
    actor: context.caller.actor,
    reason: options.reason,
    createdAtMs: options.nowMs,
    idempotencyKey: options.idempotencyKey,
    expectedVersion: options.expectedVersion,
  });
  if (answer) {
    return answer;
  }
  await subject.wake?.();
  const deadlineMs = Date.now() + (options.waitMs ?? WAIT_MS);
  while (Date.now() < deadlineMs) {
    const given = await store.commands.getAnswer(command.id);
    if (given) {
      return given;
    }
    await new Promise(resolve => setTimeout(resolve, POLL_MS));
  }
  return {
    commandId: command.id,
    accepted: true,
    pending: true,
    message: 'Written down; the engine has not answered yet',
  };
}
