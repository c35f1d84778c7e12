import { ConflictError } from '@backstage/errors';
import knexFactory, { Knex } from 'knex';

const RETRY_MS = 250;
/** A backend that is being replaced takes a moment to end. */
const PATIENCE_MS = 5000;

/** Held as long as the process lives, or until it is given back. */
export interface BackendLock {
  release(): Promise<void>;
}

/**
 * SQLite means one backend. A second SQLite file beside the database is kept
 * exclusively locked: the operating system ends that lock with the process,
 * however it ends, so nothing has to expire and nobody has to clean up.
 */
export async function lockForOneBackend(
  knex: Knex,
  patienceMs: number = PATIENCE_MS,
): Promise<BackendLock> {
  const file = await databaseFile(knex);
  if (!file) {
    // In memory: nobody else can reach it.
    return { release: async () => {} };
  }
  const lockFile = `${file}.lock`;
  const holder = knexFactory({
    client: knex.client.config.client,
    connection: { filename: lockFile },
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  });
  try {
    // Waiting inside SQLite would stop this whole process.
    await holder.raw('pragma busy_timeout = 0');
    const deadline = Date.now() + patienceMs;
    while (!(await tryLock(holder))) {
      if (Date.now() >= deadline) {
        throw new ConflictError(
          `The SQLite database ${file} is used by another backend, which keeps ${lockFile} locked. SQLite serves one backend only: stop the other one, or use PostgreSQL (backend.database.client: pg) to run several`,
        );
      }
      await new Promise(resolve => setTimeout(resolve, RETRY_MS));
    }
  } catch (error) {
    await holder.destroy();
    throw error;
  }
  return { release: () => holder.destroy() };
}

async function tryLock(holder: Knex): Promise<boolean> {
  try {
    // Never ended: the transaction is the lock.
    await holder.raw('begin exclusive');
    return true;
  } catch (error) {
    if (/SQLITE_BUSY|database is locked/.test(String(error))) {
      return false;
    }
    throw error;
  }
}

async function databaseFile(knex: Knex): Promise<string | undefined> {
  const databases: Array<{ name: string; file: string }> = await knex.raw(
    'pragma database_list',
  );
  return (
    databases.find(database => database.name === 'main')?.file || undefined
  );
}
