import {
  ConnectionCheck,
  EnvironmentView,
} from '@slipway/backstage-plugin-delivery-common';
import { UsageError, required } from '../arguments';
import { EXIT, Ending, ExitCode } from '../exitCodes';
import { endingOf } from '../failures';
import { Session } from '../session';

const MARKS: Record<ConnectionCheck['status'], string> = {
  ok: 'ok     ',
  limited: 'limited',
  missing: 'MISSING',
  unknown: 'UNKNOWN',
};
const NOTHING = 'This environment has nothing to check';

/** `slipway check`: for a service, of an environment, or of all environments. */
export async function check(session: Session): Promise<Ending> {
  const { service, environment } = session.args;
  if (service === undefined) {
    return checkEnvironments(session, environment);
  }
  const checks = await session.client.getChecks(
    service,
    required(environment, '--environment'),
  );
  return {
    code: codeOf(checks),
    message: describeChecks(checks),
    result: checks,
  };
}

async function checkEnvironments(
  session: Session,
  name: string | undefined,
): Promise<Ending> {
  const all = await session.client.getEnvironments();
  const chosen = all.filter(it => name === undefined || it.name === name);
  if (name !== undefined && chosen.length === 0) {
    throw new UsageError(
      `No environment "${name}": expected one of ${
        all.map(it => it.name).join(', ') || '(there is none)'
      }`,
    );
  }
  // One that does not answer keeps nobody from hearing of the others.
  const answers = await Promise.all(
    chosen.map(environment => checkEnvironment(session, environment)),
  );
  return {
    code: worstOf(answers.map(({ code }) => code)),
    message:
      answers.map(({ message }) => message).join('\n\n') ||
      'The platform has no environment',
    result: answers.map(({ result }) => result),
  };
}

async function checkEnvironment(
  { client }: Session,
  { name, title, connection }: EnvironmentView,
): Promise<Ending> {
  const heading = `${name} (${connection.type} ${connection.name})`;
  const result = { environment: name, title, connection };
  try {
    const checks = await client.getEnvironmentChecks(name);
    return {
      code: codeOf(checks),
      message: `${heading}\n${describeChecks(checks)}`,
      result: { ...result, checks },
    };
  } catch (cause) {
    const { code, message } = endingOf(cause);
    return {
      code,
      message: `${heading}\n${message}`,
      result: { ...result, error: message },
    };
  }
}

/** Missing and unknown end with an error: nobody should deploy on it. */
function codeOf(checks: ConnectionCheck[]): ExitCode {
  return checks.some(
    ({ status }) => status === 'missing' || status === 'unknown',
  )
    ? EXIT.errored
    : EXIT.succeeded;
}

/** What is wrong somewhere says more than what may not be asked elsewhere. */
function worstOf(codes: ExitCode[]): ExitCode {
  return codes.includes(EXIT.errored)
    ? EXIT.errored
    : codes.find(code => code !== EXIT.succeeded) ?? EXIT.succeeded;
}

function describeChecks(checks: ConnectionCheck[]): string {
  return checks.map(describeCheck).join('\n') || NOTHING;
}

function describeCheck({ title, status, message, fix }: ConnectionCheck) {
  const lines = [message, ...(fix ? ['To give it:', fix] : [])]
    .join('\n')
    .split('\n')
    .map(line => `         ${line}`);
  return [`${MARKS[status]}  ${title}`, ...lines].join('\n');
}
