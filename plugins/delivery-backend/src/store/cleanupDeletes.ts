import { Knex } from 'knex';
import { chunks } from './rows';
import { StoreTx } from './types';

/** Parts are deleted with what they are parts of. */
const PARTS_OF_DEPLOYMENT = ['measurements', 'events'];
const PARTS_OF_RELEASE = ['release_logs', 'events'];

/** Rows of one statement. */
const BATCH = 1000;

type Deleted = Record<string, number>;

/**
 * Deletes the rows that the query selects by their key, which it must bound,
 * counts them and says how many they were.
 */
export async function deleteRows(
  tx: StoreTx,
  table: string,
  key: string,
  deleted: Deleted,
  select: (query: Knex.QueryBuilder) => Knex.QueryBuilder,
): Promise<number> {
  const count: number = await tx(table)
    .whereIn(key, select(tx(table).select(key)))
    .delete();
  deleted[table] = (deleted[table] ?? 0) + count;
  return count;
}

async function deleteParts(
  tx: StoreTx,
  table: string,
  column: string,
  ids: string[],
  deleted: Deleted,
): Promise<void> {
  let found = BATCH;
  while (found >= BATCH) {
    found = await deleteRows(tx, table, 'seq', deleted, query =>
      query.whereIn(column, ids).limit(BATCH),
    );
  }
}

export async function deleteDeployments(
  tx: StoreTx,
  ids: string[],
  deleted: Deleted,
): Promise<void> {
  for (const chunk of chunks(ids, BATCH)) {
    for (const table of PARTS_OF_DEPLOYMENT) {
      await deleteParts(tx, table, 'deployment_id', chunk, deleted);
    }
    await deleteRows(
      tx,
      'deployment_evidence',
      'deployment_id',
      deleted,
      query => query.whereIn('deployment_id', chunk),
    );
    await deleteRows(tx, 'deployments', 'id', deleted, query =>
      query.whereIn('id', chunk),
    );
  }
}

export async function deleteReleases(
  tx: StoreTx,
  ids: string[],
  deleted: Deleted,
): Promise<void> {
  for (const chunk of chunks(ids, BATCH)) {
    // The work item first: the lock order of a tick.
    await deleteRows(tx, 'work_items', 'id', deleted, query =>
      query.where({ kind: 'release' }).whereIn('id', chunk),
    );
    for (const table of PARTS_OF_RELEASE) {
      await deleteParts(tx, table, 'release_id', chunk, deleted);
    }
    await deleteUses(tx, 'release', chunk);
    await deleteRows(tx, 'releases', 'id', deleted, query =>
      query.whereIn('id', chunk),
    );
  }
}

export async function deletePlans(
  tx: StoreTx,
  ids: string[],
  deleted: Deleted,
): Promise<void> {
  for (const chunk of chunks(ids, BATCH)) {
    await deleteUses(tx, 'plan', chunk);
    await deleteRows(tx, 'plans', 'id', deleted, query =>
      query.whereIn('id', chunk),
    );
  }
}

async function deleteUses(
  tx: StoreTx,
  kind: 'plan' | 'release',
  ids: string[],
): Promise<void> {
  await tx('blob_uses')
    .where({ holder_kind: kind })
    .whereIn('holder_id', ids)
    .delete();
}
