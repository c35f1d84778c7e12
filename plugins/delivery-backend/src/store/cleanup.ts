import {
  ServiceRef,
  TargetRecord,
} from '@slipway/backstage-plugin-delivery-common';
import { Knex } from 'knex';
import {
  deleteDeployments,
  deletePlans,
  deleteReleases,
  deleteRows,
} from './cleanupDeletes';
import { StoreContext } from './context';
import { DeliveryStore, StoreTx } from './types';

/*
 * Retention. Kept is: every deployment that is not over, the last N of each
 * target that are, everything younger than D days, and whatever serves or can
 * be gone back to; with them their releases, plans, measurements and events.
 *
 * Services are walked one by one and rows are deleted a thousand at most at a
 * time, so that nobody waits long for the clean-up.
 */

/** Rows of one statement. */
const BATCH = 1000;
const DAY_MS = 24 * 60 * 60 * 1000;
/** A browser that was away for longer fetches again instead. */
const FEED_KEPT_MS = DAY_MS;
/** Bytes may be put well before the row that refers to them is written. */
const BLOB_GRACE_MS = DAY_MS;
const BUILD_KEPT_MS = 90 * DAY_MS;

interface Limits {
  keepPerTarget: number;
  keepDays: number;
  nowMs: number;
  cutoffMs: number;
}

/** What the targets of a service need, whatever its age. */
interface Needed {
  deployments: Set<string>;
  releases: Set<string>;
  plans: Set<string>;
}

export function createCleanup(context: StoreContext): DeliveryStore['cleanup'] {
  const { knex } = context;

  return async options => {
    const limits: Limits = {
      ...options,
      cutoffMs: options.nowMs - options.keepDays * DAY_MS,
    };
    const deleted: Record<string, number> = {};

    let service = await nextService(knex, '');
    while (service !== undefined) {
      await cleanService(context, service, limits, deleted);
      service = await nextService(knex, service);
    }

    await cleanLeftovers(context, limits, deleted);
    if (context.dialect.kind === 'sqlite') {
      // Statistics for the planner; PostgreSQL gathers them by itself.
      await knex.raw('pragma optimize');
    }
    return { deleted };
  };
}

/** Steps through the indexes; a DISTINCT would read every row. */
async function nextService(
  knex: Knex,
  after: ServiceRef,
): Promise<ServiceRef | undefined> {
  const first = (table: string) =>
    knex
      .select('service_ref')
      .from(
        knex(table)
          .where('service_ref', '>', after)
          .orderBy('service_ref')
          .limit(1)
          .select('service_ref')
          .as(`first_of_${table}`),
      );
  // Compared by the database, whose order may not be JavaScript's.
  const row: { service_ref: ServiceRef } | undefined = await knex
    .from(
      first('releases')
        .unionAll([first('deployments'), first('plans')])
        .as('candidates'),
    )
    .orderBy('service_ref')
    .first('service_ref');
  return row?.service_ref;
}

async function cleanService(
  context: StoreContext,
  service: ServiceRef,
  limits: Limits,
  deleted: Record<string, number>,
): Promise<void> {
  const { knex } = context;
  const targets: Array<{ target_id: string }> = await knex('deployments')
    .where({ service_ref: service, terminal: 1 })
    .where('created_at_ms', '<', limits.cutoffMs)
    .distinct('target_id');

  for (const { target_id: targetId } of targets) {
    await repeat(context, async tx => {
      const needed = await readNeeded(tx, service);
      const ids = await oldDeployments(tx, targetId, limits, needed);
      await deleteDeployments(tx, ids, deleted);
      return ids.length;
    });
  }
  await repeat(context, async tx => {
    const needed = await readNeeded(tx, service);
    const ids = await oldReleases(tx, service, limits, needed);
    await deleteReleases(tx, ids, deleted);
    return ids.length;
  });
  await repeat(context, async tx => {
    const needed = await readNeeded(tx, service);
    const ids = await oldPlans(tx, service, limits, needed);
    await deletePlans(tx, ids, deleted);
    return ids.length;
  });
}

/** Until a batch finds less than it could take. */
async function repeat(
  context: StoreContext,
  batch: (tx: StoreTx) => Promise<number>,
): Promise<void> {
  let found = BATCH;
  while (found >= BATCH) {
    found = await context.inTransaction(undefined, batch);
  }
}

async function readNeeded(tx: StoreTx, service: ServiceRef): Promise<Needed> {
  const needed: Needed = {
    deployments: new Set(),
    releases: new Set(),
    plans: new Set(),
  };
  const rows: Array<{ record: string }> = await tx('targets')
    .where({ service_ref: service })
    .select('record');
  for (const row of rows) {
    const record: TargetRecord = JSON.parse(row.record);
    const roles = [
      ...(record.stable ? [record.stable] : []),
      ...record.draining,
      ...(record.rollout ? [record.rollout.candidate] : []),
    ];
    for (const role of roles) {
      needed.deployments.add(role.deploymentId);
      needed.releases.add(role.releaseId);
      needed.plans.add(role.planId);
    }
    for (const promoted of record.promoted) {
      needed.releases.add(promoted.releaseId);
      needed.plans.add(promoted.planId);
    }
    for (const generation of record.desired.generations) {
      needed.plans.add(generation.planId);
    }
    if (record.desired.sharedPlanId !== undefined) {
      needed.plans.add(record.desired.sharedPlanId);
    }
  }
  return needed;
}

async function oldDeployments(
  tx: StoreTx,
  targetId: string,
  limits: Limits,
  needed: Needed,
): Promise<string[]> {
  const over = () =>
    tx('deployments').where({ target_id: targetId, terminal: 1 });
  // The newest that is one too many; it and what is older may go.
  const boundary: { created_at_ms: number; id: string } | undefined =
    await over()
      .orderBy('created_at_ms', 'desc')
      .orderBy('id', 'desc')
      .offset(limits.keepPerTarget)
      .first('created_at_ms', 'id');
  if (!boundary) {
    return [];
  }
  const rows: Array<{ id: string }> = await over()
    .whereRaw('(created_at_ms, id) <= (?, ?)', [
      boundary.created_at_ms,
      boundary.id,
    ])
    .whereRaw('coalesce(finished_at_ms, created_at_ms) < ?', [limits.cutoffMs])
    .whereNotIn('id', [...needed.deployments])
    .andWhere(inner =>
      inner.whereNull('plan_id').orWhereNotIn('plan_id', [...needed.plans]),
    )
    .orderBy('created_at_ms')
    .limit(BATCH)
    .select('id');
  return rows.map(row => row.id);
}

async function oldReleases(
  tx: StoreTx,
  service: ServiceRef,
  limits: Limits,
  needed: Needed,
): Promise<string[]> {
  const boundary: { created_at_ms: number; id: string } | undefined = await tx(
    'releases',
  )
    .where({ service_ref: service })
    .orderBy('created_at_ms', 'desc')
    .orderBy('id', 'desc')
    .offset(limits.keepPerTarget)
    .first('created_at_ms', 'id');
  if (!boundary) {
    return [];
  }
  const rows: Array<{ id: string }> = await tx('releases')
    .where({ service_ref: service })
    .whereRaw('(created_at_ms, id) <= (?, ?)', [
      boundary.created_at_ms,
      boundary.id,
    ])
    .where('finished_at_ms', '<', limits.cutoffMs)
    .whereNotIn('status', ['queued', 'running', 'errored'])
    .whereNotIn('id', [...needed.releases])
    .whereNotExists(
      tx('deployments')
        .whereRaw('deployments.release_id = releases.id')
        .select('id'),
    )
    .orderBy('created_at_ms')
    .limit(BATCH)
    .select('id');
  return rows.map(row => row.id);
}

async function oldPlans(
  tx: StoreTx,
  service: ServiceRef,
  limits: Limits,
  needed: Needed,
): Promise<string[]> {
  const rows: Array<{ id: string }> = await tx('plans')
    .where({ service_ref: service })
    .where('created_at_ms', '<', limits.cutoffMs)
    .whereNotIn('id', [...needed.plans])
    .whereNotExists(
      tx('deployments').whereRaw('deployments.plan_id = plans.id').select('id'),
    )
    .limit(BATCH)
    .select('id');
  return rows.map(row => row.id);
}

/** What belongs to no service's history any more. */
async function cleanLeftovers(
  context: StoreContext,
  limits: Limits,
  deleted: Record<string, number>,
): Promise<void> {
  const { cutoffMs, nowMs } = limits;

  await repeat(context, tx =>
    deleteRows(tx, 'commands', 'id', deleted, query =>
      query.where('answered_at_ms', '<', cutoffMs).limit(BATCH),
    ),
  );
  await repeat(context, tx =>
    deleteRows(tx, 'outbox', 'key', deleted, query =>
      query.where('done_at_ms', '<', cutoffMs).limit(BATCH),
    ),
  );
  await repeat(context, tx =>
    deleteRows(tx, 'events', 'seq', deleted, query =>
      query
        .where('at_ms', '<', cutoffMs)
        .whereNull('deployment_id')
        .whereNull('release_id')
        .limit(BATCH),
    ),
  );
  await repeat(context, tx =>
    deleteRows(tx, 'builds', 'inputs_hash', deleted, query =>
      query.where('used_at_ms', '<', nowMs - BUILD_KEPT_MS).limit(BATCH),
    ),
  );
  await repeat(context, tx =>
    deleteRows(tx, 'blobs', 'digest', deleted, query =>
      query
        .where('used_at_ms', '<', nowMs - BLOB_GRACE_MS)
        .whereNotExists(
          tx('blob_uses')
            .whereRaw('blob_uses.digest = blobs.digest')
            .select('digest'),
        )
        .limit(BATCH),
    ),
  );
  await repeat(context, tx => trimFeed(tx, nowMs - FEED_KEPT_MS, deleted));
}

/** Remembers up to where the feed is gone, in the transaction that deletes. */
async function trimFeed(
  tx: StoreTx,
  beforeMs: number,
  deleted: Record<string, number>,
): Promise<number> {
  const postgres = tx.client.config.client === 'pg';
  const rows: Array<{ xid: string; seq: number | string }> = await tx('feed')
    .where('at_ms', '<', beforeMs)
    .orderBy(['feed.xid', 'feed.seq'])
    .limit(BATCH)
    .select(tx.raw(postgres ? 'xid::text as xid' : 'xid'), 'seq');
  if (rows.length === 0) {
    return 0;
  }
  const last = rows[rows.length - 1];
  const found = await deleteRows(tx, 'feed', 'seq', deleted, query =>
    query.whereIn(
      'seq',
      rows.map(row => row.seq),
    ),
  );
  await tx('feed_trim').update({ xid: String(last.xid), seq: last.seq });
  return found;
}
