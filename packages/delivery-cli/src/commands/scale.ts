import { randomUUID } from 'node:crypto';
import { UsageError, required } from '../arguments';
import { EXIT, Ending } from '../exitCodes';
import { Session } from '../session';
import { until } from '../waiting';

/** `slipway scale` */
export async function scale(session: Session): Promise<Ending> {
  const { args, client } = session;
  const service = required(args.service, '--service');
  const environment = required(args.environment, '--environment');
  const text = required(args.replicas, '--replicas');
  const replicas = Number(text);
  if (!/^\d{1,6}$/.test(text) || replicas < 1) {
    throw new UsageError(
      `Invalid --replicas "${text}": expected a whole number from 1`,
    );
  }
  const idempotencyKey = randomUUID();
  const answer = await until(session, 'the answer', () =>
    client.runOperation(service, environment, 'scale', {
      args: { replicas },
      reason: args.reason,
      idempotencyKey,
    }),
  );
  return {
    code: answer.accepted ? EXIT.succeeded : EXIT.failed,
    message: answer.message,
    result: answer,
  };
}
