import { Knex } from 'knex';

/** As much of a PostgreSQL connection as is used outside knex's pool. */
export interface PgConnection {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
  on(event: 'notification' | 'end', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  end(): Promise<void>;
}

/**
 * A connection of our own, with the settings of the pool but not from it: for
 * what lasts (LISTEN, session locks), so that it takes nobody's place there.
 */
export async function openPgConnection(knex: Knex): Promise<PgConnection> {
  const connection: PgConnection = await knex.client.acquireRawConnection();
  return connection;
}
