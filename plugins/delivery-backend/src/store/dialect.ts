import { Knex } from 'knex';

/**
 * Where the two databases differ. Everything else in this room is SQL that
 * both understand.
 */
export interface Dialect {
  readonly kind: 'sqlite' | 'postgres';
  /** Lots of writes or reads that are worth doing at the same time. */
  readonly lanes: number;
  /** Epoch milliseconds by the database's clock, as an SQL expression. */
  nowSql(): string;
  /** The smaller of two values of which the first may be NULL. */
  least(nullable: string, other: string): string;
}

/** A clock of one's own: for tests and simulations that live in made-up time. */
export type StoreClock = () => number;

/**
 * Lease times are compared by one clock, the database's: backends' clocks may
 * differ by more than a lease.
 */
export function createDialect(knex: Knex, clock?: StoreClock): Dialect {
  const driver: string = knex.client.config.client;
  const simulated = clock && (() => String(Math.floor(clock())));

  if (driver === 'pg') {
    return {
      kind: 'postgres',
      // A part of the pool's connections (ten unless configured).
      lanes: 3,
      // statement_timestamp() is STABLE, so that an index can be used with it;
      // clock_timestamp() is not.
      nowSql:
        simulated ??
        (() => `(extract(epoch from statement_timestamp()) * 1000)::bigint`),
      least: (nullable, other) => `least(${nullable}, ${other})`,
    };
  }
  if (driver === 'better-sqlite3' || driver === 'sqlite3') {
    return {
      kind: 'sqlite',
      // There is one connection.
      lanes: 1,
      nowSql:
        simulated ??
        (() => `cast(round(unixepoch('subsec') * 1000) as integer)`),
      // SQLite's min() of a NULL is NULL; PostgreSQL's least() skips it.
      least: (nullable, other) =>
        `min(coalesce(${nullable}, ${other}), ${other})`,
    };
  }
  throw new Error(
    `Unsupported database client "${driver}": expected "pg" or "better-sqlite3"; set backend.database.client`,
  );
}
