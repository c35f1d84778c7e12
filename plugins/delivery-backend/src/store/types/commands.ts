import {
  Command,
  CommandAnswer,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { StoreTx } from './ground';

export interface CommandsStore {
  /** Idempotent by key. Wakes the subject's work item in the same transaction. */
  add(
    command: Command & { idempotencyKey?: string; expectedVersion?: number },
  ): Promise<{ command: Command; answer?: CommandAnswer }>;
  pending(subjects: string[], tx?: StoreTx): Promise<Command[]>;
  /** Unanswered, oldest first, on the target and on any of its deployments, ended ones too (`retry`). */
  pendingForTarget(target: TargetRef, tx?: StoreTx): Promise<Command[]>;
  answer(answers: CommandAnswer[], tx: StoreTx): Promise<void>;
  getAnswer(id: string): Promise<CommandAnswer | undefined>;
}
