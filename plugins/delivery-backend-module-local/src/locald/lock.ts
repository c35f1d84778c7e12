import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ConflictError } from '@backstage/errors';
import { hasCode, isMissing, readTextIfThere } from './files';
import { processStart } from './processes';

/*
 * Two supervisors on one data directory would start everything twice. The
 * lock is a file that only one process can create; it names its holder by
 * pid and start time, so that the lock of a killed holder is recognised. A
 * stale lock is removed only inside a second exclusive step (a folder), or
 * two processes that both saw it stale could remove each other's new lock.
 */

const TAKEOVER_STALE_MS = 10_000;

async function createExclusively(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(
        JSON.stringify({
          pid: process.pid,
          start: await processStart(process.pid),
        }),
      );
      await handle.sync();
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) {
      return false;
    }
    throw error;
  }
}

/** The pid of the living holder; `undefined`: nobody holds it (any more). */
async function livingHolder(path: string): Promise<number | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) {
    return undefined;
  }
  let holder: { pid?: unknown; start?: unknown };
  try {
    holder = JSON.parse(text);
  } catch {
    // Just created and not written yet, or its writer was killed in between.
    const age = Date.now() - (await stat(path)).mtimeMs;
    return age < TAKEOVER_STALE_MS ? -1 : undefined;
  }
  if (typeof holder.pid !== 'number') {
    return undefined;
  }
  return (await processStart(holder.pid)) === holder.start
    ? holder.pid
    : undefined;
}

async function removeStale(path: string): Promise<void> {
  const takeover = `${path}.takeover`;
  try {
    await mkdir(takeover);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) {
      throw error;
    }
    try {
      const { mtimeMs } = await stat(takeover);
      if (Date.now() - mtimeMs > TAKEOVER_STALE_MS) {
        await rm(takeover, { recursive: true, force: true });
      }
    } catch (statError) {
      if (!isMissing(statError)) {
        throw statError;
      }
    }
    await delay(20);
    return;
  }
  try {
    if ((await livingHolder(path)) === undefined) {
      await rm(path, { force: true });
    }
  } finally {
    await rm(takeover, { recursive: true, force: true });
  }
}

/** The lock of this process. */
export interface DirectoryLock {
  /** Whether it is still there and ours: people delete data directories. */
  held(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Takes the data directory for this process until it is released or the
 * process ends.
 *
 * Errors: `ConflictError` when another living process has it.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, 'lock');
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (await createExclusively(path)) {
      const held = async () => (await livingHolder(path)) === process.pid;
      return {
        held,
        release: async () => {
          if (await held()) {
            await rm(path, { force: true });
          }
        },
      };
    }
    const holder = await livingHolder(path);
    if (holder !== undefined && holder !== -1) {
      throw new ConflictError(
        `slipway-locald already runs on ${directory} (process ${holder})`,
      );
    }
    if (holder === undefined) {
      await removeStale(path);
    } else {
      await delay(20);
    }
  }
  throw new ConflictError(
    `The lock ${path} could not be taken; remove it when no slipway-locald runs on this data directory`,
  );
}
