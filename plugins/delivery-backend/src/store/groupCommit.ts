import { AsyncResource } from 'node:async_hooks';
import { Knex } from 'knex';
import { LeaseLostError, StoreTx } from './types';

/** Bounds how long the first one of a group waits for the last one. */
const MOST_TOGETHER = 64;

interface Waiting {
  /** Writes; what it gives back tells the caller, once that is committed. */
  write(tx: StoreTx): Promise<() => void>;
  /** It writes several rows, of which all or none may stay. */
  isUndone: boolean;
  reject(error: unknown): void;
}

/** Runs writes that stand alone; those that wait together commit together. */
export interface GroupCommit {
  /**
   * Runs a transaction; resolves once it is committed. An error undoes it
   * alone, unless it is the database's: then the whole group is undone and
   * everybody in it is told.
   */
  transaction<T>(work: (tx: StoreTx) => Promise<T>): Promise<T>;
  /** The same for one statement that throws nothing but `LeaseLostError`. */
  statement<T>(work: (tx: StoreTx) => Promise<T>): Promise<T>;
  /** The transaction whose commit makes the writes of this one last. */
  outermost(tx: StoreTx): StoreTx;
}

/**
 * For SQLite, where writers take turns and each commit waits for the disk: a
 * thousand commits one by one are a thousand waits. While the connection is
 * busy writes gather here; the next turn commits all of them at once.
 *
 * `synced`: waits until what is committed lasts, when a commit alone does not
 * say so; nobody is told before.
 */
export function createGroupCommit(
  knex: Knex,
  synced?: () => Promise<void>,
): GroupCommit {
  const outer = new WeakMap<StoreTx, StoreTx>();
  const queue: Waiting[] = [];
  let isWriting = false;

  /** In a savepoint of its own, so that an error leaves the others alone. */
  async function writeOne(tx: StoreTx, item: Waiting, isAlone: boolean) {
    if (isAlone || !item.isUndone) {
      return await item.write(tx);
    }
    return await tx.transaction(async own => {
      outer.set(own, tx);
      return await item.write(own);
    });
  }

  async function writeAll(): Promise<void> {
    let taken: Waiting[] = [];
    try {
      const told = await knex.transaction(async tx => {
        // Only now that there is a connection: meanwhile more have come.
        taken = queue.splice(0, MOST_TOGETHER);
        const tell: Array<() => void> = [];
        for (const item of taken) {
          try {
            tell.push(await writeOne(tx, item, taken.length === 1));
          } catch (error) {
            if (taken.length === 1 || !isItsOwn(item, error)) {
              throw error;
            }
            tell.push(() => item.reject(error));
          }
        }
        return tell;
      });
      if (synced) {
        // The next group need not wait for the disk.
        synced().then(
          () => told.forEach(tell => tell()),
          error => taken.forEach(({ reject }) => reject(error)),
        );
      } else {
        told.forEach(tell => tell());
      }
    } catch (error) {
      // Without a connection nothing was taken: all who wait for one are told.
      const failed = taken.length > 0 ? taken : queue.splice(0);
      failed.forEach(({ reject }) => reject(error));
    }
  }

  async function writeQueue(): Promise<void> {
    while (queue.length > 0) {
      await writeAll();
      // Those who were told just now may have something to write again.
      await new Promise(resolve => setImmediate(resolve));
    }
    isWriting = false;
  }

  function add<T>(
    work: (tx: StoreTx) => Promise<T>,
    isUndone: boolean,
  ): Promise<T> {
    // Another caller's turn runs it, but it belongs to the context of its own.
    const bound = AsyncResource.bind(work);
    return new Promise<T>((resolve, reject) => {
      queue.push({
        isUndone,
        async write(tx) {
          const value = await bound(tx);
          return () => resolve(value);
        },
        reject,
      });
      if (!isWriting) {
        isWriting = true;
        setImmediate(() => void writeQueue());
      }
    });
  }

  return {
    transaction: work => add(work, true),
    statement: work => add(work, false),
    outermost: tx => outer.get(tx) ?? tx,
  };
}

/**
 * Whether the error leaves the group's transaction whole. SQLite ends it by
 * itself when the disk is full or fails; a constraint fails its statement only.
 */
function isItsOwn(item: Waiting, error: unknown): boolean {
  if (!item.isUndone) {
    return error instanceof LeaseLostError;
  }
  const code = error instanceof Error && 'code' in error ? error.code : '';
  return (
    !`${code}`.startsWith('SQLITE_') ||
    `${code}`.startsWith('SQLITE_CONSTRAINT')
  );
}
