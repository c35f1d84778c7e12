import {
  Deployment,
  isTerminalDeployment,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { ConflictError } from '@backstage/errors';
import { StoreContext } from './context';
import { createEvidence } from './evidence';
import { addFeed } from './feed';
import { createHistory } from './history';
import { Keyset, readPage } from './paging';
import { nullable, nullableJson, optionalJson, toNumber } from './rows';
import { targetNotFound } from './targets';
import { DeploymentsStore, StoreTx, VersionConflictError } from './types';
import { holdLease, poke } from './work';

export interface DbDeployment {
  id: string;
  created_at_ms: number | string;
  /** Everything but the rollout and rowVersion. */
  data: string;
  rollout: string | null;
  row_version: number | string;
}

export const COLUMNS = [
  'id',
  'created_at_ms',
  'data',
  'rollout',
  'row_version',
];

const NEWEST_FIRST: Keyset = {
  list: 'deployments',
  columns: [
    { name: 'created_at_ms', type: 'number' },
    { name: 'id', type: 'string' },
  ],
  direction: 'desc',
};

export function createDeploymentsStore(
  context: StoreContext,
): DeploymentsStore {
  const { db } = context;

  return {
    ...createHistory(context),
    ...createEvidence(context),

    async create({ idempotencyKey, ...row }, tx) {
      const targetId = stringifyTarget(row);
      return context.inTransaction(tx, async own => {
        // The work item first: the lock order of a tick.
        await poke(context, 'target', targetId, undefined, own);
        const target:
          | { tier: string; owner: string | null; system: string | null }
          | undefined = await own('targets')
          .where({ target_id: targetId })
          .first('tier', 'owner', 'system');
        if (!target) {
          throw targetNotFound(targetId);
        }
        const created: Deployment = { ...row, rowVersion: 1 };
        const inserted: Array<{ id: string }> = await own('deployments')
          .insert({
            ...toDb(created),
            ...target,
            id: row.id,
            target_id: targetId,
            service_ref: row.service,
            environment: row.environment,
            release_id: row.releaseId,
            created_at_ms: row.createdAtMs,
            idempotency_key: nullable(idempotencyKey),
            row_version: 1,
          })
          .onConflict()
          .ignore()
          .returning('id');
        if (inserted.length === 0) {
          return existing(own, row, targetId, idempotencyKey);
        }
        await feed(context, own, created);
        return created;
      });
    },

    async get(id, tx) {
      const row: DbDeployment | undefined = await db(tx)('deployments')
        .where({ id })
        .first(COLUMNS);
      return row && fromDb(row);
    },

    async save(lease, row, tx) {
      await holdLease(context, tx, lease, {
        kind: 'target',
        id: stringifyTarget(row),
      });
      const saved = { ...row, rowVersion: row.rowVersion + 1 };
      const count = await tx('deployments')
        .where({ id: row.id, row_version: row.rowVersion })
        .update({ ...toDb(saved), row_version: saved.rowVersion });
      if (count === 0) {
        throw new VersionConflictError(
          `Deployment ${row.id} is not at version ${row.rowVersion} any more, or is gone; read it again`,
        );
      }
      await feed(context, tx, saved);
      return saved;
    },

    async open(target, tx) {
      const rows: DbDeployment[] = await db(tx)('deployments')
        .where({ target_id: stringifyTarget(target), terminal: 0 })
        .orderBy('created_at_ms')
        .orderBy('id')
        .select(COLUMNS);
      return rows.map(fromDb);
    },

    async last(target) {
      const row: DbDeployment | undefined = await db()('deployments')
        .where({ target_id: stringifyTarget(target) })
        .orderBy('created_at_ms', 'desc')
        .orderBy('id', 'desc')
        .first(COLUMNS);
      return row && fromDb(row);
    },

    async ofTargets(targets) {
      const found: Awaited<ReturnType<DeploymentsStore['ofTargets']>> = new Map(
        targets.map(target => [stringifyTarget(target), { open: [] }]),
      );
      const ids = [...found.keys()];
      const [open, last]: Array<Array<DbDeployment & { target_id: string }>> =
        await Promise.all([
          db()('deployments')
            .whereIn('target_id', ids)
            .where({ terminal: 0 })
            .orderBy('target_id')
            .orderBy('created_at_ms')
            .orderBy('id')
            .select('target_id', ...COLUMNS),
          // One step in the index for each target; a window function would read
          // their whole history.
          db()('deployments')
            .whereIn(
              'id',
              db()('targets')
                .whereIn('target_id', ids)
                .select(
                  db()('deployments as newest')
                    .whereRaw('newest.target_id = targets.target_id')
                    .orderBy('newest.created_at_ms', 'desc')
                    .orderBy('newest.id', 'desc')
                    .limit(1)
                    .select('newest.id')
                    .as('id'),
                ),
            )
            .select('target_id', ...COLUMNS),
        ]);
      for (const row of open) {
        found.get(row.target_id)?.open.push(fromDb(row));
      }
      for (const row of last) {
        const ofTarget = found.get(row.target_id);
        if (ofTarget) {
          ofTarget.last = fromDb(row);
        }
      }
      return found;
    },

    async list({ service, environment, releaseId, ...page }) {
      const query = db()('deployments').select(COLUMNS);
      if (service !== undefined && environment !== undefined) {
        query.where({ target_id: stringifyTarget({ service, environment }) });
      } else if (service !== undefined) {
        query.where({ service_ref: service });
      } else if (environment !== undefined) {
        query.where({ environment });
      }
      if (releaseId !== undefined) {
        query.where({ release_id: releaseId });
      }
      return readPage(query, NEWEST_FIRST, page, fromDb);
    },
  };
}

async function existing(
  tx: StoreTx,
  row: Deployment,
  targetId: string,
  idempotencyKey: string | undefined,
): Promise<Deployment> {
  const query = tx('deployments').where({ id: row.id });
  if (idempotencyKey !== undefined) {
    query.orWhere({ target_id: targetId, idempotency_key: idempotencyKey });
  }
  const found: DbDeployment | undefined = await query.first(COLUMNS);
  if (!found) {
    throw new ConflictError(
      `Deployment ${row.id} was there a moment ago and is gone; create it again`,
    );
  }
  return fromDb(found);
}

export function toDb({ rollout, rowVersion: _version, ...data }: Deployment) {
  return {
    plan_id: nullable(data.planId),
    status: data.status,
    terminal: isTerminalDeployment(data.status) ? 1 : 0,
    finished_at_ms: nullable(data.finishedAtMs),
    data: JSON.stringify(data),
    rollout: nullableJson(rollout),
  };
}

export function fromDb(row: DbDeployment): Deployment {
  return {
    ...JSON.parse(row.data),
    rollout: optionalJson(row.rollout),
    rowVersion: toNumber(row.row_version),
  };
}

function feed(
  context: StoreContext,
  tx: StoreTx,
  row: Deployment,
): Promise<void> {
  return addFeed(
    context,
    [
      {
        kind: 'deployment',
        subject: row.id,
        service: row.service,
        version: row.rowVersion,
      },
    ],
    tx,
  );
}
