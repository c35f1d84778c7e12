import {
  Command,
  CommandAnswer,
} from '@slipway/backstage-plugin-delivery-common';
import { ReleaseRow } from '../store';
import { currentStage, finish, resumeAfterRetry } from './progress';

/*
 * Verbs of people on a release, oldest first. Pure, like everything that
 * decides: the answers and the row are written together.
 */

const CANCELLABLE: ReadonlyArray<ReleaseRow['status']> = [
  'queued',
  'running',
  'errored',
];
const RETRIABLE: ReadonlyArray<ReleaseRow['status']> = [
  'errored',
  'failed',
  'blocked',
  'cancelled',
];

export function applyCommands(
  row: ReleaseRow,
  commands: Command[],
  nowMs: number,
): { row: ReleaseRow; answers: CommandAnswer[] } {
  let current = row;
  const answers = commands.map((command): CommandAnswer => {
    const refuse = (message: string) => ({
      commandId: command.id,
      accepted: false,
      message,
    });
    const accept = (message: string) => ({
      commandId: command.id,
      accepted: true,
      message,
    });
    if (command.verb === 'cancel') {
      if (!CANCELLABLE.includes(current.status)) {
        return refuse(`The release is over already (${current.status})`);
      }
      current = finish(current, {
        status: 'cancelled',
        stage: currentStage(current),
        reason: {
          code: 'cancelled',
          message: `Cancelled by ${command.actor.ref}${
            command.reason ? `: ${command.reason}` : ''
          }`,
        },
        nowMs,
      });
      return accept('The release is cancelled');
    }
    if (command.verb === 'retry') {
      if (!RETRIABLE.includes(current.status)) {
        return refuse(
          `Only a release that did not get ready can be retried; this one is ${current.status}`,
        );
      }
      const from =
        current.status === 'errored' ? currentStage(current) : 'fetch';
      current = resumeAfterRetry(current);
      return accept(`The release goes on with ${from}`);
    }
    return refuse(
      `A release knows the verbs cancel and retry, not "${command.verb}"`,
    );
  });
  return { row: current, answers };
}
