import { UsageError } from './arguments';
import { EXIT, Ending } from './exitCodes';

/** `--timeout` has passed. */
export class TimeOutError extends Error {
  readonly name = 'TimeOutError';
}

/** Every error is an exit code and a sentence; none ends as a stack trace. */
export function endingOf(error: unknown): Ending {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) {
    return { code: EXIT.usage, message };
  }
  if (error instanceof TimeOutError) {
    return { code: EXIT.timedOut, message };
  }
  const status = statusOf(error);
  if (status === undefined) {
    return { code: EXIT.errored, message: `No answer: ${withCause(error)}` };
  }
  const said = saidBy(error) ?? message;
  switch (status) {
    case 401:
      return {
        code: EXIT.denied,
        message: `Not signed in (SLIPWAY_TOKEN): ${said}`,
      };
    case 403:
      return { code: EXIT.denied, message: `Not allowed: ${said}` };
    case 400:
    case 404:
      return { code: EXIT.usage, message: said };
    case 409:
      return { code: EXIT.failed, message: `Refused: ${said}` };
    default:
      return { code: EXIT.errored, message: `The backend failed: ${said}` };
  }
}

/** Worth another try while waiting: no answer, or the backend's own trouble. */
export function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined
    ? error instanceof TypeError ||
        (error instanceof Error && error.name === 'TimeoutError')
    : status === 429 || status >= 500;
}

function statusOf(error: unknown): number | undefined {
  return typeof error === 'object' &&
    error !== null &&
    'statusCode' in error &&
    typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}

/** The backend's own sentence, which the client keeps as the cause. */
function saidBy(error: unknown): string | undefined {
  return error instanceof Error && error.cause instanceof Error
    ? error.cause.message
    : undefined;
}

function withCause(error: unknown): string {
  const said = saidBy(error);
  const message = error instanceof Error ? error.message : String(error);
  return said ? `${message} (${said})` : message;
}
