import { spawn } from 'node:child_process';
import { access, constants, readFile } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { InputError, NotFoundError, isError } from '@backstage/errors';
import { RenderLimits } from './types';

const MAX_ERROR_TEXT = 4_000;
const MEMORY_CHECK_MS = 100;

/**
 * The absolute path of a program, so that it can be run with an empty PATH.
 *
 * Errors: `NotFoundError`, saying what to install or configure.
 */
export async function findProgram(
  names: string[],
  configKey: string,
  path: string = process.env.PATH ?? '',
): Promise<string> {
  for (const name of names) {
    const candidates = isAbsolute(name)
      ? [name]
      : path
          .split(delimiter)
          .filter(Boolean)
          .map(folder => join(folder, name));
    for (const candidate of candidates) {
      if (await isExecutable(candidate)) {
        return candidate;
      }
    }
  }
  throw new NotFoundError(
    `${names.join(
      ' or ',
    )} is not installed where the backend runs; install it, or name it in ${configKey}`,
  );
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch (error) {
    if (
      isError(error) &&
      ['ENOENT', 'EACCES', 'ENOTDIR'].includes(`${error.code}`)
    ) {
      return false;
    }
    throw error;
  }
}

/**
 * Runs a renderer on sources that nobody has to trust: an argument array, an
 * environment without programs, credentials or a way through a proxy, and
 * limits of time, memory and output.
 *
 * Errors: `InputError` when the sources are at fault, with what the program
 * said; `folder` is taken out of it.
 */
export async function runRenderer(options: {
  what: string;
  program: string;
  args: string[];
  /** A folder that is thrown away afterwards. */
  folder: string;
  environment?: Record<string, string>;
  limits: RenderLimits;
  signal: AbortSignal;
}): Promise<string> {
  const { what, program, args, folder, limits, signal } = options;
  signal.throwIfAborted();
  const nowhere = 'http://127.0.0.1:9';
  const child = spawn(program, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: '',
      HOME: folder,
      TMPDIR: folder,
      // Whatever the program would fetch ends here.
      HTTP_PROXY: nowhere,
      HTTPS_PROXY: nowhere,
      NO_PROXY: '',
      GOMEMLIMIT: `${Math.floor(limits.maxMemoryBytes * 0.8)}`,
      ...options.environment,
    },
  });
  let broken: string | undefined;
  const stop = (why: string) => {
    broken ??= why;
    child.kill('SIGKILL');
  };
  const onAbort = () => stop('it was stopped');
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => stop(`it took longer than ${limits.timeoutMs / 1_000} s`),
    limits.timeoutMs,
  );
  const memory = setInterval(async () => {
    const used = await residentBytes(child.pid);
    if (used !== undefined && used > limits.maxMemoryBytes) {
      stop(`it used more than ${limits.maxMemoryBytes} bytes of memory`);
    }
  }, MEMORY_CHECK_MS);
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > limits.maxBytes) {
      stop(`it gives more than ${limits.maxBytes} bytes`);
    } else {
      chunks.push(chunk);
    }
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-MAX_ERROR_TEXT);
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    signal.throwIfAborted();
    if (broken) {
      throw new InputError(`${what}: ${broken}, which is the limit`);
    }
    if (code !== 0) {
      throw new InputError(
        `${what}: ${clean(errors, folder) || `it ended with ${code}`}`,
      );
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    clearTimeout(timer);
    clearInterval(memory);
    signal.removeEventListener('abort', onAbort);
  }
}

/** What it said, without where it was run. */
function clean(text: string, folder: string): string {
  return text
    .replaceAll(`${folder}/`, '')
    .replaceAll(folder, '.')
    .replace(/^\s*[Ee]rror:\s*/, '')
    .trim();
}

async function residentBytes(
  pid: number | undefined,
): Promise<number | undefined> {
  if (pid === undefined || process.platform !== 'linux') {
    return undefined;
  }
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch (error) {
    // It has ended in between.
    if (isError(error) && ['ENOENT', 'ESRCH'].includes(`${error.code}`)) {
      return undefined;
    }
    throw error;
  }
}
