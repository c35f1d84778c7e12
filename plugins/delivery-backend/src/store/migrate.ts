import {
  LoggerService,
  resolvePackagePath,
} from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { Dialect } from './dialect';
import { openPgConnection } from './pgConnection';

const PACKAGE = '@slipway/backstage-plugin-delivery-backend';
/** Any number that nobody else uses for an advisory lock of this database. */
const LOCK_KEY = 7_547_929;

/** Where the migrations lie, also in the published package. */
export function migrationsDirectory(): string {
  return resolvePackagePath(PACKAGE, 'migrations');
}

/**
 * Brings the tables up to date. Several backends may start at once, and one
 * may have been killed in the middle: knex's own lock would then stay for
 * ever. A lock of the session's ends with the process, and whoever has it
 * knows that a lock of knex's is a dead one's.
 */
export async function migrate(
  knex: Knex,
  dialect: Dialect,
  logger: LoggerService,
): Promise<void> {
  if (dialect.kind === 'sqlite') {
    // The only backend: there is nobody to wait for.
    await latest(knex, logger);
    return;
  }
  const connection = await openPgConnection(knex);
  connection.on('error', error => {
    logger.warn(`The connection that guards the migrations broke: ${error}`);
  });
  try {
    await connection.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    await latest(knex, logger);
  } finally {
    await connection.end();
  }
}

async function latest(knex: Knex, logger: LoggerService): Promise<void> {
  const config = { directory: migrationsDirectory() };
  if (
    (await knex.schema.hasTable('knex_migrations_lock')) &&
    (await knex('knex_migrations_lock').where({ is_locked: 1 }).first())
  ) {
    logger.warn('An earlier migration was interrupted; going on with it');
    await knex.migrate.forceFreeMigrationsLock(config);
  }
  await knex.migrate.latest(config);
}
