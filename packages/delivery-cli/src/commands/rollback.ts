import { randomUUID } from 'node:crypto';
import { UsageError, required } from '../arguments';
import { describeDeployment } from '../describe';
import { EXIT, Ending } from '../exitCodes';
import { Session } from '../session';
import { until, waitForDeployment } from '../waiting';

/** `slipway rollback` */
export async function rollback(session: Session): Promise<Ending> {
  const { args, client } = session;
  const service = required(args.service, '--service');
  const environment = required(args.environment, '--environment');
  const releaseId = args.to ?? (await previous(session, service, environment));
  const idempotencyKey = randomUUID();
  const deployment = await until(session, 'the answer', () =>
    client.createDeployment({
      service,
      environment,
      releaseId,
      kind: 'rollback',
      reason: args.reason,
      idempotencyKey,
    }),
  );
  return args.wait
    ? waitForDeployment(session, deployment.id)
    : {
        code: EXIT.succeeded,
        message: describeDeployment(deployment),
        result: deployment,
      };
}

/** The last release that was promoted here before the one that is stable. */
async function previous(
  { client }: Session,
  service: string,
  environment: string,
): Promise<string> {
  const { targets } = await client.getOverview(service);
  const target = targets.find(
    candidate => candidate.environment.name === environment,
  );
  if (!target) {
    throw new UsageError(
      `${service} has no environment "${environment}": expected one of ${
        targets.map(candidate => candidate.environment.name).join(', ') ||
        '(none)'
      }`,
    );
  }
  let cursor: string | undefined;
  do {
    const page = await client.getDeployments({ service, environment, cursor });
    const found = page.items.find(
      deployment =>
        deployment.status === 'succeeded' &&
        deployment.releaseId !== target.stable?.releaseId,
    );
    if (found) {
      return found.releaseId;
    }
    cursor = page.nextCursor;
  } while (cursor);
  throw new UsageError(
    `${environment} never had another release of ${service}: there is nothing to go back to`,
  );
}
