import { AsyncLocalStorage } from 'node:async_hooks';
import { LoggerService } from '@backstage/backend-plugin-api';
import { Knex } from 'knex';
import { Dialect } from './dialect';
import { createGroupCommit } from './groupCommit';
import { NewsWatch } from './feedNews';
import { StoreTx } from './types';

/** What every table group of the store is made from. */
export interface StoreContext {
  readonly knex: Knex;
  readonly dialect: Dialect;
  readonly logger: LoggerService;
  readonly news: NewsWatch;
  /** The given or the surrounding transaction, when there is one. */
  surrounding(tx?: StoreTx): StoreTx | undefined;
  /** Where a statement runs: the given transaction, the surrounding one, or none. */
  db(tx?: StoreTx): Knex;
  /**
   * Runs one statement that stands alone; on SQLite it shares its commit with
   * others that wait. It throws nothing but `LeaseLostError`.
   */
  standAlone<T>(
    tx: StoreTx | undefined,
    work: (db: Knex) => Promise<T>,
  ): Promise<T>;
  /** Runs `work` in the given or surrounding transaction, or in one of its own. */
  inTransaction<T>(
    tx: StoreTx | undefined,
    work: (tx: StoreTx) => Promise<T>,
  ): Promise<T>;
  /** Calls back after the transaction is committed; never for one rolled back. */
  afterCommit(tx: StoreTx, listener: () => void): void;
}

export function createContext(options: {
  knex: Knex;
  dialect: Dialect;
  logger: LoggerService;
  news: NewsWatch;
  /** Absent: what is committed lasts. */
  synced?: () => Promise<void>;
}): StoreContext {
  const { knex, logger } = options;

  // SQLite has one connection: a call that does not carry the transaction it
  // is made in would wait for itself. So the surrounding one is remembered.
  const ambient = new AsyncLocalStorage<StoreTx>();

  const group =
    options.dialect.kind === 'sqlite'
      ? createGroupCommit(knex, options.synced)
      : undefined;

  function surrounding(given?: StoreTx): StoreTx | undefined {
    const tx = ambient.getStore();
    // Work that was started in a transaction and outlives it stands alone.
    return given ?? (tx && !tx.isCompleted() ? tx : undefined);
  }

  return {
    ...options,
    surrounding,
    db: tx => surrounding(tx) ?? knex,
    standAlone(tx, work) {
      const current = surrounding(tx);
      return current || !group ? work(current ?? knex) : group.statement(work);
    },
    async inTransaction(tx, work) {
      const current = surrounding(tx);
      if (current) {
        return work(current);
      }
      const run = (own: StoreTx) => ambient.run(own, () => work(own));
      return group ? group.transaction(run) : knex.transaction(run);
    },
    afterCommit(tx, listener) {
      const outermost = group?.outermost(tx) ?? tx;
      outermost.executionPromise.then(listener, error => {
        logger.debug(`A transaction was rolled back: ${error}`);
      });
    },
  };
}
