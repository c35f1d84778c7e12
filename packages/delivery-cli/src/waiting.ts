import {
  Deployment,
  Release,
  isTerminalDeployment,
} from '@slipway/backstage-plugin-delivery-common';
import { EXIT, Ending } from './exitCodes';
import { TimeOutError, isPassing } from './failures';
import { describeDeployment, describeRelease } from './describe';
import { Session } from './session';

/** Asks until there is an answer; passing trouble is waited out. */
export async function until<T>(
  session: Session,
  what: string,
  read: () => Promise<T | undefined>,
): Promise<T> {
  let trouble: string | undefined;
  for (;;) {
    try {
      const value = await read();
      if (value !== undefined) {
        return value;
      }
      trouble = undefined;
    } catch (error) {
      if (!isPassing(error)) {
        throw error;
      }
      const message = error instanceof Error ? error.message : String(error);
      if (trouble !== message) {
        session.say(`Trying again: ${message}`);
        trouble = message;
      }
    }
    if (Date.now() + session.pollMs > session.deadlineMs) {
      throw new TimeOutError(
        `Timed out while waiting for ${what}; it goes on without us`,
      );
    }
    await new Promise(resolve => setTimeout(resolve, session.pollMs));
  }
}

/** Waits until the release is ready or cannot get ready, telling each step. */
export async function waitForRelease(
  session: Session,
  id: string,
): Promise<Release> {
  let told = '';
  return until(session, `release ${id}`, async () => {
    const { release } = await session.client.getRelease(id);
    const line = describeRelease(release);
    if (line !== told) {
      session.say(line);
      told = line;
    }
    return release.status === 'queued' || release.status === 'running'
      ? undefined
      : release;
  });
}

/** How a release that is not being made any more ended. */
export function releaseEnding(release: Release): Ending {
  const message = describeRelease(release);
  switch (release.status) {
    case 'ready':
      return { code: EXIT.succeeded, message, result: release };
    case 'errored':
      return { code: EXIT.errored, message, result: release };
    default:
      return { code: EXIT.failed, message, result: release };
  }
}

/**
 * Waits until the deployment is over or a person is needed for a technical
 * cause. A pause for a person's promotion is waited out, and said.
 */
export async function waitForDeployment(
  session: Session,
  id: string,
): Promise<Ending> {
  let told = '';
  const deployment = await until(session, `deployment ${id}`, async () => {
    const detail = await session.client.getDeployment(id);
    const line = describeDeployment(detail.deployment);
    if (line !== told) {
      session.say(line);
      told = line;
    }
    return isOver(detail.deployment) ? detail.deployment : undefined;
  });
  const message = describeDeployment(deployment);
  if (deployment.status === 'succeeded') {
    return { code: EXIT.succeeded, message, result: deployment };
  }
  return {
    code: deployment.status === 'errored' ? EXIT.errored : EXIT.failed,
    message,
    result: deployment,
  };
}

/** An errored deployment that will be tried again is not over. */
function isOver({ status, rollout }: Deployment): boolean {
  if (status === 'errored') {
    return rollout?.paused?.reason === 'errored' || !rollout?.error;
  }
  return isTerminalDeployment(status);
}
