import { Knex } from 'knex';

/** Enough for every statement of this room; those with times in them fall out. */
const CAPACITY = 400;

interface Statement {
  /** Somebody is iterating over its rows. */
  readonly busy: boolean;
}

interface SqliteConnection {
  prepare(sql: string): Statement;
}

/**
 * Keeps the prepared statements of a better-sqlite3 connection, the last used
 * ones: the client prepares each statement anew, which takes SQLite longer than
 * to run most of ours. A connection that the pool makes later has none, and is
 * only slower. SQLite prepares a kept statement again when the schema changes.
 */
export async function keepStatements(knex: Knex): Promise<void> {
  if (knex.client.config.client !== 'better-sqlite3') {
    return;
  }
  const connection: SqliteConnection = await knex.client.acquireConnection();
  try {
    const prepare = connection.prepare.bind(connection);
    const known = new Map<string, Statement>();
    connection.prepare = sql => {
      const kept = known.get(sql);
      if (kept && !kept.busy) {
        known.delete(sql);
        known.set(sql, kept);
        return kept;
      }
      const statement = prepare(sql);
      known.set(sql, statement);
      const oldest = known.keys().next();
      if (known.size > CAPACITY && !oldest.done) {
        known.delete(oldest.value);
      }
      return statement;
    };
  } finally {
    await knex.client.releaseConnection(connection);
  }
}
