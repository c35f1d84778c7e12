/*
 * A backend of its own, as far as the store goes: opens the SQLite file that
 * its argument names, says so, and lives until it is killed.
 */
import { LoggerService } from '@backstage/backend-plugin-api';
import knexFactory from 'knex';
import { createStore } from '../createStore';

const logger: LoggerService = {
  error: console.error,
  warn: console.error,
  info() {},
  debug() {},
  child: () => logger,
};

async function main(filename: string): Promise<void> {
  const knex = knexFactory({
    client: 'better-sqlite3',
    connection: { filename },
    useNullAsDefault: true,
  });
  await createStore({ database: { getClient: async () => knex }, logger });
  process.stdout.write('open\n');
  setInterval(() => {}, 1_000);
}

main(process.argv[2]).catch(error => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
