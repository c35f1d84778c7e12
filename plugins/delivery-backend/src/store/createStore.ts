import { DatabaseService, LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { createAudit } from './audit';
import { createBlobsStore } from './blobs';
import { createCleanup } from './cleanup';
import { createCommandsStore } from './commands';
import { createContext } from './context';
import { createDeploymentsStore } from './deployments';
import { Dialect, StoreClock, createDialect } from './dialect';
import { createFeedStore } from './feed';
import { createNewsWatch } from './feedNews';
import { migrate } from './migrate';
import { createOutboxStore } from './outbox';
import { createPlansStore } from './plans';
import { createReleasesStore } from './releases';
import { toNumber } from './rows';
import { createServicesStore } from './services';
import { lockForOneBackend } from './singleBackend';
import { keepStatements } from './statementCache';
import { createTargetsStore } from './targets';
import { createTickStore } from './ticks';
import { DeliveryStore } from './types';
import { createWalSync } from './walSync';
import { createWorkStore } from './work';

export interface CreateStoreOptions {
  database: DatabaseService;
  logger: LoggerService;
}

export interface TestStoreOptions {
  logger?: LoggerService;
  /** Takes the place of the database's clock. */
  clock?: StoreClock;
}

/**
 * Opens the plugin's database: takes the single-backend lock on SQLite, brings
 * the tables up to date unless migrations are switched off.
 *
 * Throws `ConflictError` when another backend uses the same SQLite file.
 */
export async function createStore({
  database,
  logger,
}: CreateStoreOptions): Promise<DeliveryStore> {
  const knex = await database.getClient();
  const dialect = createDialect(knex);

  const lock =
    dialect.kind === 'sqlite' ? await lockForOneBackend(knex) : undefined;
  let synced: (() => Promise<void>) | undefined;
  try {
    if (dialect.kind === 'sqlite') {
      synced = await prepareSqlite(knex);
    }
    if (!database.migrations?.skip) {
      await migrate(knex, dialect, logger);
    }
    await keepStatements(knex);
  } catch (error) {
    await lock?.release();
    throw error;
  }
  const store = assemble(knex, dialect, logger, synced);
  return {
    ...store,
    async close() {
      await store.close();
      await lock?.release();
    },
  };
}

/**
 * A store on a database that a test owns: migrated, without the lock, so that
 * several "backends" can share it; optionally with a clock of the test's own.
 */
export async function createTestStore(
  knex: Knex,
  options: TestStoreOptions = {},
): Promise<DeliveryStore> {
  const logger = options.logger ?? silentLogger();
  const dialect = createDialect(knex, options.clock);
  await migrate(knex, dialect, logger);
  await keepStatements(knex);
  return assemble(knex, dialect, logger);
}

/**
 * What was accepted survives a power cut too, not only a kill: the result waits
 * until what is committed lies on the disk.
 */
async function prepareSqlite(
  knex: Knex,
): Promise<(() => Promise<void>) | undefined> {
  // Readers do not wait for the writer, and a commit is one write.
  const [{ journal_mode: mode }]: Array<{ journal_mode: string }> =
    await knex.raw('pragma journal_mode = wal');
  // 16 MB of log: pages that change all the time are copied back more seldom.
  await knex.raw('pragma wal_autocheckpoint = 4000');
  const [main]: Array<{ file: string }> = await knex.raw(
    'pragma database_list',
  );
  if (mode !== 'wal' || !main?.file) {
    // In memory, or on a file system that cannot share memory.
    await knex.raw('pragma synchronous = full');
    return undefined;
  }
  await knex.raw('pragma synchronous = normal');
  return createWalSync(main.file);
}

function assemble(
  knex: Knex,
  dialect: Dialect,
  logger: LoggerService,
  synced?: () => Promise<void>,
): DeliveryStore {
  const news = createNewsWatch({ knex, dialect, logger });
  const context = createContext({ knex, dialect, logger, news, synced });
  const blobs = createBlobsStore(context);

  return {
    transaction: work => context.inTransaction(undefined, work),
    async now() {
      const row: { now: number | string } = await context
        .db()
        .first(context.db().raw(`${dialect.nowSql()} as now`));
      return toNumber(row.now);
    },
    services: createServicesStore(context),
    releases: createReleasesStore(context),
    targets: createTargetsStore(context),
    deployments: createDeploymentsStore(context),
    plans: createPlansStore(context, blobs),
    commands: createCommandsStore(context),
    work: createWorkStore(context),
    ticks: createTickStore(context),
    outbox: createOutboxStore(context),
    feed: createFeedStore(context),
    blobs,
    cleanup: createCleanup(context),
    audit: createAudit(context),
    close: () => news.close(),
  };
}

function silentLogger(): LoggerService {
  const logger: LoggerService = {
    error() {},
    warn() {},
    info() {},
    debug() {},
    child: () => logger,
  };
  return logger;
}
