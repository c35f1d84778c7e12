import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import { required } from '../arguments';
import { EXIT, Ending } from '../exitCodes';
import { Session } from '../session';

const MARKS = { ok: 'ok     ', limited: 'limited', missing: 'MISSING' };

/** `slipway check` */
export async function check(session: Session): Promise<Ending> {
  const service = required(session.args.service, '--service');
  const environment = required(session.args.environment, '--environment');
  const checks = await session.client.getChecks(service, environment);
  return {
    code: checks.some(({ status }) => status === 'missing')
      ? EXIT.errored
      : EXIT.succeeded,
    message:
      checks.map(describeCheck).join('\n') ||
      'This environment has nothing to check',
    result: checks,
  };
}

function describeCheck({ title, status, message, fix }: ConnectionCheck) {
  const lines = [message, ...(fix ? ['To give it:', fix] : [])]
    .join('\n')
    .split('\n')
    .map(line => `         ${line}`);
  return [`${MARKS[status]}  ${title}`, ...lines].join('\n');
}
