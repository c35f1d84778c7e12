import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { createApi } from './api';
import { BackoffPolicy } from './backoff';
import { readTextIfThere, writeAtomically } from './files';
import { lockDirectory } from './lock';
import { ensureVersionKey } from './secretVersions';
import { Supervisor } from './supervisor';

const LOCK_CHECK_MS = 2_000;

/** Where things lie below the data directory. */
export function localdPaths(dataDirectory: string) {
  const root = resolve(dataDirectory);
  const directory = join(root, 'locald');
  return {
    directory,
    token: join(directory, 'token'),
    address: join(directory, 'address.json'),
    log: join(directory, 'locald.log'),
    secrets: join(root, 'secrets'),
    versionKey: join(directory, 'secret-versions.key'),
  };
}

/** What slipway-locald writes when it is ready. */
export interface LocaldAddress {
  port: number;
  pid: number;
}

export interface Daemon {
  port: number;
  /** Resolves when it has ended. */
  ended: Promise<void>;
  /** `instances: false` leaves them running for a successor. */
  stop(options: { instances: boolean }): Promise<void>;
}

async function ensureToken(path: string): Promise<string> {
  const found = await readTextIfThere(path);
  if (found?.trim()) {
    return found.trim();
  }
  const token = randomBytes(32).toString('base64url');
  await writeAtomically(path, token, 0o600);
  return token;
}

/**
 * Runs slipway-locald in this process.
 *
 * Errors: `ConflictError` when another one has the data directory.
 */
export async function startDaemon(options: {
  dataDirectory: string;
  backoff?: BackoffPolicy;
  log(message: string): void;
}): Promise<Daemon> {
  const paths = localdPaths(options.dataDirectory);
  await mkdir(paths.directory, { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(paths.directory);
  const supervisor = new Supervisor({
    directory: paths.directory,
    secretsDirectory: paths.secrets,
    versionKey: await ensureVersionKey(paths.versionKey, options.log),
    log: options.log,
    backoff: options.backoff,
  });
  const token = await ensureToken(paths.token);
  try {
    await supervisor.start();
  } catch (error) {
    await lock.release();
    throw error;
  }
  let end: () => void = () => {};
  const ended = new Promise<void>(done => {
    end = done;
  });
  let stopping: Promise<void> | undefined;
  const server = createApi({
    supervisor,
    token,
    dataDirectory: resolve(options.dataDirectory),
    startedAtMs: Date.now(),
    log: options.log,
    shutdown: how => {
      stop(how).catch(error => options.log(`Stopping failed: ${error}`));
    },
  });
  // Who deletes the data directory wants to begin again, without what ran.
  const watching = setInterval(async () => {
    if (!(await lock.held())) {
      options.log('The data directory is gone or taken: stopping everything');
      await stop({ instances: true });
    }
  }, LOCK_CHECK_MS);
  async function stop(how: { instances: boolean }): Promise<void> {
    stopping =
      stopping ??
      (async () => {
        clearInterval(watching);
        try {
          await supervisor.stop(how);
        } catch (error) {
          // What runs has been stopped; only the state could not be written.
          options.log(`The state cannot be written: ${error}`);
        }
        await new Promise<void>(closed => {
          server.close(() => closed());
          server.closeAllConnections();
        });
        if (await lock.held()) {
          await rm(paths.address, { force: true });
          await lock.release();
        }
        end();
      })();
    await stopping;
  }
  await new Promise<void>((listening, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', listening);
  });
  const { port } = server.address() as AddressInfo;
  const address: LocaldAddress = { port, pid: process.pid };
  await writeAtomically(paths.address, JSON.stringify(address));
  return { port, ended, stop };
}
