import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LoggerService } from '@backstage/backend-plugin-api';
import { ServiceUnavailableError } from '@backstage/errors';
import { LocaldAddress, localdPaths } from './daemon';
import { readTextIfThere } from './files';
import { sendSignal } from './processes';
import { PROTOCOL } from './protocol';

const PACKAGE = '@slipway/backstage-plugin-delivery-backend-module-local';
const READY_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const EXIT_TAKEN = 3;
const LOG_TAIL_LENGTH = 2_000;
const LOG_MAX_BYTES = 4 * 1024 * 1024;
const PATIENCE_MS = 2_000;

/** How to reach a slipway-locald that has answered. */
export interface LocaldEndpoint {
  url: string;
  token: string;
  pid: number;
}

interface AnsweringLocald extends LocaldEndpoint {
  protocol: number;
}

export interface EnsureLocaldOptions {
  dataDirectory: string;
  logger: Pick<LoggerService, 'info' | 'warn'>;
  timeoutMs?: number;
  signal?: AbortSignal;
}

/**
 * The entry to start: in a checkout the TypeScript file, loaded through the
 * Backstage CLI's transform as the backend itself is; in a built package the
 * package's compiled entry.
 */
export function localdCommand(): string[] {
  const root = dirname(require.resolve(`${PACKAGE}/package.json`));
  const source = join(root, 'src', 'locald', 'main.ts');
  if (existsSync(source)) {
    return [
      '--require',
      require.resolve('@backstage/cli/config/nodeTransform.cjs'),
      source,
    ];
  }
  const built = join(root, 'dist', 'locald.cjs.js');
  if (!existsSync(built)) {
    throw new Error(
      `The entry of slipway-locald is missing at ${built}; the package was not built completely`,
    );
  }
  return [built];
}

async function tryEndpoint(
  dataDirectory: string,
): Promise<AnsweringLocald | undefined> {
  const paths = localdPaths(dataDirectory);
  const text = await readTextIfThere(paths.address);
  const token = (await readTextIfThere(paths.token))?.trim();
  if (!text || !token) {
    return undefined;
  }
  const { port }: LocaldAddress = JSON.parse(text);
  const url = `http://127.0.0.1:${port}`;
  try {
    const response = await fetch(`${url}/v1/health`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const health = response.ok ? await response.json() : undefined;
    // The port may be somebody else's by now.
    return health?.dataDirectory === resolve(dataDirectory)
      ? { url, token, pid: health.pid, protocol: health.protocol }
      : undefined;
  } catch {
    // Nothing answers there: it has to be started.
    return undefined;
  }
}

interface StartedLocald {
  pid?: number;
  /** Set once it has ended. */
  exitCode?: number;
}

async function rotate(path: string): Promise<void> {
  const text = await readTextIfThere(path);
  if (text !== undefined && text.length > LOG_MAX_BYTES) {
    await rename(path, `${path}.1`);
  }
}

/** Not the backend's environment: that one holds its secrets. */
function scrubbedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'SystemRoot'].flatMap(name => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

async function start(options: EnsureLocaldOptions): Promise<StartedLocald> {
  const { dataDirectory, logger } = options;
  const paths = localdPaths(dataDirectory);
  logger.info(`Starting slipway-locald on ${dataDirectory}`);
  await mkdir(paths.directory, { recursive: true, mode: 0o700 });
  await rotate(paths.log);
  const log = await open(paths.log, 'a', 0o600);
  try {
    const child = spawn(
      process.execPath,
      [...localdCommand(), '--data-directory', resolve(dataDirectory)],
      {
        cwd: paths.directory,
        env: scrubbedEnvironment(),
        stdio: ['ignore', log.fd, log.fd],
        detached: true,
      },
    );
    const started: StartedLocald = { pid: child.pid };
    child.once('exit', code => {
      started.exitCode = code ?? 1;
    });
    child.once('error', error => {
      logger.warn(`slipway-locald cannot be started: ${error}`);
      started.exitCode = 1;
    });
    child.unref();
    return started;
  } finally {
    await log.close();
  }
}

async function failure(
  dataDirectory: string,
  what: string,
): Promise<ServiceUnavailableError> {
  const bytes = await readTextIfThere(localdPaths(dataDirectory).log);
  return new ServiceUnavailableError(
    `slipway-locald ${what}. Its log ends with:\n${(bytes ?? '')
      .slice(-LOG_TAIL_LENGTH)
      .trim()}`,
  );
}

/** Ours came second: it would give up as soon as it sees the other's lock. */
function endLoser(
  child: StartedLocald | undefined,
  winner: LocaldEndpoint,
): void {
  if (
    child?.pid !== undefined &&
    child.exitCode === undefined &&
    child.pid !== winner.pid
  ) {
    sendSignal(child.pid, 'SIGKILL', { group: false });
  }
}

/** Ends one of another protocol; what it runs goes on for its successor. */
async function replace(found: LocaldEndpoint): Promise<void> {
  try {
    await fetch(`${found.url}/v1/shutdown?instances=keep`, {
      method: 'POST',
      headers: { authorization: `Bearer ${found.token}` },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    // It is ending already, or stuck: whoever asked looks again, until its time is up.
  }
  await delay(10 * POLL_MS);
}

/**
 * Starts slipway-locald for the data directory when none answers, and waits
 * until it does. It outlives this process. Called at the same time from many
 * processes, one starts and all get the same.
 *
 * Errors: `ServiceUnavailableError` with the end of its log.
 */
export async function ensureLocald(
  options: EnsureLocaldOptions,
): Promise<LocaldEndpoint> {
  const { dataDirectory, logger, signal } = options;
  const deadlineMs = Date.now() + (options.timeoutMs ?? READY_TIMEOUT_MS);
  let child: StartedLocald | undefined;
  let outdated: AnsweringLocald | undefined;
  while (Date.now() < deadlineMs) {
    signal?.throwIfAborted();
    const found = await tryEndpoint(dataDirectory);
    if (found && found.protocol === PROTOCOL) {
      endLoser(child, found);
      return found;
    }
    if (found) {
      logger.info(
        `slipway-locald speaks protocol ${found.protocol}, this backend ${PROTOCOL}; replacing it, its services go on`,
      );
      outdated = found;
      await replace(found);
    } else if (!child) {
      outdated = undefined;
      child = await start(options);
    } else if (child.exitCode === EXIT_TAKEN) {
      // Another one has the lock: it will be ready soon, or die of something.
      await delay(10 * POLL_MS);
      child = undefined;
    } else if (child.exitCode !== undefined) {
      throw await failure(
        dataDirectory,
        `ended with code ${child.exitCode} while it was started`,
      );
    } else {
      await delay(POLL_MS);
    }
  }
  throw await failure(
    dataDirectory,
    outdated === undefined
      ? 'was not ready in time'
      : `of process ${outdated.pid} speaks protocol ${outdated.protocol}, this backend ${PROTOCOL}, and did not make room for its successor in time; kill that process (SIGKILL: what it runs goes on), then try again`,
  );
}
