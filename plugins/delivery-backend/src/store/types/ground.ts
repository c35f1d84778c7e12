import { Knex } from 'knex';

/** A transaction of the store; passed on, never made elsewhere. */
export type StoreTx = Knex.Transaction;

/**
 * Turns the caller's permission conditions into SQL on a table that has the
 * columns service_ref, owner, system and (targets, deployments) environment,
 * tier. `undefined`: everything.
 */
export type RowFilter = (query: Knex.QueryBuilder) => void;

export interface PageOptions {
  cursor?: string;
  /** 1..200; default 50 */
  limit?: number;
  filter?: RowFilter;
}
