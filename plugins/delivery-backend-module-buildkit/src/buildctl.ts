import { spawn } from 'node:child_process';
import { ForwardedError, InputError, isError } from '@backstage/errors';
import { BuildkitConfig } from './config';

const TAIL_LINES = 30;
const MAX_LINE = 4_000;
const KILL_AFTER_MS = 10_000;

/** Refusals and failures that another try with the same content would repeat. */
const CONTENT = [
  /did not complete successfully: exit code/,
  /dockerfile parse error/i,
  /failed to compute cache key/,
  /failed to calculate checksum/,
  /denied by policy/,
  /target stage .* could not be found/,
  /failed to parse stage name/,
  /base name .* should not be blank/,
  /unknown instruction/i,
  /invalid reference format/,
];

/** The arguments that say how buildkitd is reached. */
export function connectionArguments({
  address,
  tls,
}: BuildkitConfig): string[] {
  return [
    '--addr',
    address,
    ...(tls ? ['--tlscacert', tls.caFile] : []),
    ...(tls?.certFile ? ['--tlscert', tls.certFile] : []),
    ...(tls?.keyFile ? ['--tlskey', tls.keyFile] : []),
    ...(tls?.serverName ? ['--tlsservername', tls.serverName] : []),
  ];
}

/**
 * Runs the client with an argument array and an environment of our own; the
 * lines of its progress go to `log`. Ends with the signal and with the limit.
 *
 * Errors: `InputError` when the content is at fault, any other error when
 * BuildKit is not there or something else went wrong.
 */
export async function runBuildctl(options: {
  config: BuildkitConfig;
  args: string[];
  environment?: Record<string, string>;
  log?: (line: string) => void;
  signal: AbortSignal;
}): Promise<string> {
  const { config, args, log, signal } = options;
  signal.throwIfAborted();
  const child = spawn(
    config.binary,
    [...connectionArguments(config), ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: '/nonexistent',
        ...options.environment,
      },
    },
  );
  const limit = AbortSignal.any([
    signal,
    AbortSignal.timeout(config.timeoutMs),
  ]);
  let kill: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGTERM');
    kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  };
  limit.addEventListener('abort', stop, { once: true });
  const tail: string[] = [];
  const onLine = (line: string) => {
    const text = line.trimEnd().slice(0, MAX_LINE);
    if (text) {
      log?.(text);
      tail.push(text);
      tail.splice(0, Math.max(0, tail.length - TAIL_LINES));
    }
  };
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-1024 * 1024);
  });
  const errors = eachLine(onLine);
  child.stderr.setEncoding('utf8').on('data', errors.take);
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, killedBy) =>
        resolve(status ?? killedBy ?? 'unknown'),
      );
    });
    errors.end();
    signal.throwIfAborted();
    if (limit.aborted) {
      throw new InputError(
        `The build took longer than ${Math.round(
          config.timeoutMs / 1_000,
        )} s, which is the limit (delivery.buildkit.timeout)`,
      );
    }
    if (code === 0) {
      return output;
    }
    throw failure(code, tail);
  } catch (error) {
    if (isMissing(error)) {
      throw new ForwardedError(
        `The BuildKit client "${config.binary}" is not installed where the backend runs; install it, or name it in delivery.buildkit.binary`,
        error,
      );
    }
    throw error;
  } finally {
    clearTimeout(kill);
    limit.removeEventListener('abort', stop);
  }
}

function isMissing(error: unknown): boolean {
  return isError(error) && error.code === 'ENOENT';
}

/** The line that says it, and what came before. */
function failure(code: number | string, tail: string[]): Error {
  const said =
    tail.findLast(line => /^(?:error|ERROR)\b/.test(line)) ?? tail.at(-1) ?? '';
  const message = said
    .replace(/^error:\s*/i, '')
    .replace(/^failed to solve:\s*/, '');
  return CONTENT.some(pattern => pattern.test(said))
    ? new InputError(`The build failed: ${message}`)
    : new Error(`BuildKit ended with ${code}: ${message || 'no reason given'}`);
}

function eachLine(onLine: (line: string) => void) {
  let rest = '';
  return {
    take(text: string) {
      const lines = (rest + text).split(/\r?\n/);
      rest = (lines.pop() ?? '').slice(-MAX_LINE);
      lines.forEach(onLine);
    },
    end() {
      onLine(rest);
    },
  };
}
