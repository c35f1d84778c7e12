import { randomUUID } from 'node:crypto';
import { Deployment, Release } from '@slipway/backstage-plugin-delivery-common';
import { UsageError, required } from '../arguments';
import { EXIT, Ending } from '../exitCodes';
import { describeDeployment, describeRelease } from '../describe';
import { Session } from '../session';
import {
  releaseEnding,
  until,
  waitForDeployment,
  waitForRelease,
} from '../waiting';

/** `slipway release <commit>` */
export async function release(session: Session): Promise<Ending> {
  const { args, client } = session;
  const [commit, ...more] = args.operands;
  const service = required(args.service, '--service');
  if (more.length > 0) {
    throw new UsageError(`Unexpected "${more[0]}": expected one commit`);
  }
  // One key for all attempts: an answer that was lost makes no second release.
  const idempotencyKey = randomUUID();
  const created = await until(session, 'the answer', () =>
    client.createRelease(service, {
      commit: required(commit, 'The commit'),
      reason: args.reason,
      idempotencyKey,
    }),
  );
  if (!args.wait && !args.environment) {
    return {
      code: EXIT.succeeded,
      message: describeRelease(created),
      result: created,
    };
  }
  const ready = await waitForRelease(session, created.id);
  if (ready.status !== 'ready' || !args.environment) {
    return releaseEnding(ready);
  }
  const deployment = await deploymentOf(session, ready, args.environment);
  return args.wait
    ? waitForDeployment(session, deployment.id)
    : {
        code: EXIT.succeeded,
        message: describeDeployment(deployment),
        result: deployment,
      };
}

/**
 * The deployment that the release started on its own, which is there as soon
 * as the release is ready; else one that we ask for.
 */
async function deploymentOf(
  session: Session,
  ready: Release,
  environment: string,
): Promise<Deployment> {
  const { client, args } = session;
  const { service } = ready;
  const idempotencyKey = randomUUID();
  return until(session, `the deployment to ${environment}`, async () => {
    const { items } = await client.getDeployments({ service, environment });
    const automatic = items.find(item => item.releaseId === ready.id);
    return (
      automatic ??
      client.createDeployment({
        service,
        environment,
        releaseId: ready.id,
        reason: args.reason,
        idempotencyKey,
      })
    );
  });
}
