import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LoggerService } from '@backstage/backend-plugin-api';
import { ServiceUnavailableError } from '@backstage/errors';
import { LocaldAddress, localdPaths } from './daemon';
import { readTextIfThere } from './files';
import { PROTOCOL } from './protocol';

const READY_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const EXIT_TAKEN = 3;
const LOG_TAIL_BYTES = 2_000;

/** How to reach a slipway-locald that has answered. */
export interface LocaldEndpoint {
  url: string;
  token: string;
  pid: number;
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
 * compiled file beside this one.
 */
export function localdCommand(): string[] {
  const source = join(__dirname, 'main.ts');
  if (existsSync(source)) {
    return [
      '--require',
      require.resolve('@backstage/cli/config/nodeTransform.cjs'),
      source,
    ];
  }
  const built = [
    join(__dirname, 'main.cjs.js'),
    join(__dirname, '..', 'locald.cjs.js'),
  ].find(existsSync);
  if (!built) {
    throw new Error(
      `The entry of slipway-locald is missing beside ${__dirname}; the package was not built completely`,
    );
  }
  return [built];
}

async function tryEndpoint(
  dataDirectory: string,
): Promise<(LocaldEndpoint & { protocol: number }) | undefined> {
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
      signal: AbortSignal.timeout(2_000),
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

async function start(dataDirectory: string): Promise<{
  exited: Promise<number>;
}> {
  const paths = localdPaths(dataDirectory);
  await mkdir(paths.directory, { recursive: true, mode: 0o700 });
  const log = await open(paths.log, 'a', 0o600);
  try {
    const child = spawn(
      process.execPath,
      [...localdCommand(), '--data-directory', resolve(dataDirectory)],
      {
        cwd: paths.directory,
        // Not the backend's environment: that one holds its secrets.
        env: Object.fromEntries(
          ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'SystemRoot'].flatMap(
            name => {
              const value = process.env[name];
              return value === undefined ? [] : [[name, value]];
            },
          ),
        ),
        stdio: ['ignore', log.fd, log.fd],
        detached: true,
      },
    );
    const exited = new Promise<number>((done, reject) => {
      child.once('exit', code => done(code ?? 1));
      child.once('error', reject);
    });
    exited.catch(() => undefined);
    child.unref();
    return { exited };
  } finally {
    await log.close();
  }
}

async function logTail(dataDirectory: string): Promise<string> {
  const bytes = await readFile(localdPaths(dataDirectory).log);
  return bytes.subarray(-LOG_TAIL_BYTES).toString('utf8').trim();
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
  let exit: { code: number } | undefined;
  let started = false;
  while (Date.now() < deadlineMs) {
    signal?.throwIfAborted();
    const found = await tryEndpoint(dataDirectory);
    if (found && found.protocol !== PROTOCOL) {
      logger.info(
        `slipway-locald speaks protocol ${found.protocol}, this backend ${PROTOCOL}; replacing it, its services go on`,
      );
      await fetch(`${found.url}/v1/shutdown?instances=keep`, {
        method: 'POST',
        headers: { authorization: `Bearer ${found.token}` },
      });
    } else if (found) {
      return found;
    } else if (!started || exit?.code === EXIT_TAKEN) {
      if (started) {
        // Another one has the lock: it will be ready soon, or die of something.
        await delay(10 * POLL_MS);
      }
      started = true;
      exit = undefined;
      logger.info(`Starting slipway-locald on ${dataDirectory}`);
      const { exited } = await start(dataDirectory);
      exited.then(
        code => {
          exit = { code };
        },
        error => {
          logger.warn(`slipway-locald cannot be started: ${error}`);
          exit = { code: 1 };
        },
      );
      await delay(POLL_MS);
    } else if (exit) {
      throw new ServiceUnavailableError(
        `slipway-locald ended with code ${
          exit.code
        } while it was started. Its log ends with:\n${await logTail(
          dataDirectory,
        )}`,
      );
    } else {
      await delay(POLL_MS);
    }
  }
  throw new ServiceUnavailableError(
    `slipway-locald was not ready in time. Its log ends with:\n${await logTail(
      dataDirectory,
    )}`,
  );
}
