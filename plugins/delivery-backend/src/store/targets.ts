import { NotFoundError } from '@backstage/errors';
import {
  Hold,
  TargetRecord,
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { StoreContext } from './context';
import { addFeed } from './feed';
import { Keyset, readPage } from './paging';
import {
  chunks,
  inOrder,
  nullable,
  nullableJson,
  optional,
  optionalJson,
  optionalNumber,
  toNumber,
} from './rows';
import {
  StoreTx,
  TargetRow,
  TargetsStore,
  VersionConflictError,
} from './types';
import { holdLease, lockTargets, poke } from './work';

export interface DbTarget {
  target_id: string;
  service_ref: string;
  environment: string;
  tier: string;
  owner: string | null;
  system: string | null;
  record: string;
  hold: string | null;
  foreign_epoch: number | string | null;
  row_version: number | string;
  epoch: number | string | null;
}

const BY_SERVICE: Keyset = {
  list: 'targets',
  columns: [
    { name: 'service_ref', type: 'string' },
    { name: 'environment', type: 'string' },
  ],
  direction: 'asc',
};

const EMPTY_RECORD: TargetRecord = {
  draining: [],
  promoted: [],
  desired: { revision: 0, generations: [], shares: [] },
};

export const COLUMNS = [
  'target_id',
  'service_ref',
  'environment',
  'tier',
  'owner',
  'system',
  'record',
  'hold',
  'foreign_epoch',
  'row_version',
];

export function createTargetsStore(context: StoreContext): TargetsStore {
  const { db } = context;

  function select(tx?: StoreTx) {
    return db(tx)('targets').select(
      ...COLUMNS,
      db(tx)
        .from('work_items')
        .where('kind', 'target')
        .whereRaw('work_items.id = targets.target_id')
        .select('work_items.epoch')
        .as('epoch'),
    );
  }

  return {
    async ensureMany(rows, tx) {
      for (const chunk of chunks(
        inOrder(rows, row => stringifyTarget(row.target)),
        200,
      )) {
        await context.inTransaction(tx, own => ensure(context, own, chunk));
      }
    },

    async get(target, tx) {
      const row: DbTarget | undefined = await select(tx)
        .where({ target_id: stringifyTarget(target) })
        .first();
      return row && fromDb(row);
    },

    async list({
      environment,
      owner,
      system,
      service,
      attention,
      unwell = [],
      ...page
    }) {
      const query = select().whereNull('removed_at_ms');
      if (environment !== undefined) {
        query.where({ environment });
      }
      if (owner !== undefined) {
        query.where({ owner });
      }
      if (system !== undefined) {
        query.where({ system });
      }
      if (service !== undefined) {
        query.where({ service_ref: service });
      }
      if (attention) {
        query.where(any => {
          any
            .whereNotNull('hold')
            .orWhereNotNull('foreign_epoch')
            .orWhereExists(
              db()('deployments')
                .select('id')
                .whereRaw('deployments.target_id = targets.target_id')
                .where({ terminal: 0 })
                .whereIn('status', ['paused', 'errored']),
            );
          if (unwell.length > 0) {
            any.orWhereIn('target_id', unwell.slice(0, 500));
          }
        });
      }
      return readPage<DbTarget, TargetRow>(query, BY_SERVICE, page, fromDb);
    },

    async save(lease, row, tx) {
      const id = stringifyTarget(row.target);
      await holdLease(context, tx, lease, { kind: 'target', id });
      const rowVersion = row.rowVersion + 1;
      const count = await tx('targets')
        .where({ target_id: id, row_version: row.rowVersion })
        .update({ ...toDb(row), row_version: rowVersion });
      if (count === 0) {
        throw new VersionConflictError(
          `Target ${id} is not at version ${row.rowVersion} any more, or is gone; read it again`,
        );
      }
      await feed(context, tx, [row.target], rowVersion);
      return { ...row, rowVersion, epoch: lease.epoch };
    },

    async setHold(target, hold: Hold | undefined, tx) {
      const id = stringifyTarget(target);
      await context.inTransaction(tx, async own => {
        // The work item first: the lock order of a tick.
        await poke(context, 'target', id, undefined, own);
        const rows: Array<{ row_version: number | string }> = await own(
          'targets',
        )
          .where({ target_id: id })
          .update({
            hold: nullableJson(hold),
            row_version: own.raw('row_version + 1'),
          })
          .returning('row_version');
        if (rows.length === 0) {
          throw targetNotFound(id);
        }
        await feed(context, own, [target], rows[0].row_version);
      });
    },
  };
}

export function targetNotFound(id: string): NotFoundError {
  return new NotFoundError(
    `No target "${id}": expected a service of the catalog and an environment of the platform's configuration`,
  );
}

async function ensure(
  context: StoreContext,
  tx: StoreTx,
  rows: Parameters<TargetsStore['ensureMany']>[0],
): Promise<void> {
  const ids = rows.map(row => stringifyTarget(row.target));
  const found: DbTarget[] = await tx('targets').whereIn('target_id', ids);
  const before = new Map(found.map(row => [row.target_id, row]));

  const missing = rows.filter(row => !before.has(stringifyTarget(row.target)));
  if (missing.length > 0) {
    // Another backend may be doing the same: whoever comes second changes nothing.
    await tx('targets')
      .insert(
        missing.map(row => ({
          target_id: stringifyTarget(row.target),
          service_ref: row.target.service,
          environment: row.target.environment,
          tier: row.tier,
          owner: nullable(row.owner),
          system: nullable(row.system),
          record: JSON.stringify(EMPTY_RECORD),
          row_version: 1,
        })),
      )
      .onConflict('target_id')
      .ignore();
    await tx('work_items')
      .insert(
        missing.map(row => ({
          kind: 'target',
          id: stringifyTarget(row.target),
          epoch: 0,
        })),
      )
      .onConflict(['kind', 'id'])
      .ignore();
    await feed(
      context,
      tx,
      missing.map(row => row.target),
    );
  }

  const changed = rows.filter(row => {
    const old = before.get(stringifyTarget(row.target));
    return (
      old &&
      (old.tier !== row.tier ||
        old.owner !== nullable(row.owner) ||
        old.system !== nullable(row.system))
    );
  });
  if (changed.length > 0) {
    await lockTargets(
      context,
      tx,
      changed.map(row => row.target.service),
    );
  }
  for (const row of changed) {
    const id = stringifyTarget(row.target);
    const facts = {
      tier: row.tier,
      owner: nullable(row.owner),
      system: nullable(row.system),
    };
    await tx('targets').where({ target_id: id }).update(facts);
    await tx('deployments').where({ target_id: id }).update(facts);
    await feed(context, tx, [row.target], before.get(id)?.row_version);
  }
}

function feed(
  context: StoreContext,
  tx: StoreTx,
  targets: TargetRef[],
  version: number | string = 1,
): Promise<void> {
  return addFeed(
    context,
    targets.map(target => ({
      kind: 'target',
      subject: stringifyTarget(target),
      service: target.service,
      version: toNumber(version),
    })),
    tx,
  );
}

/** What a tick may change. */
export function toDb(row: TargetRow) {
  return {
    record: JSON.stringify(row.record),
    hold: nullableJson(row.hold),
    foreign_epoch: nullable(row.foreignEpoch),
  };
}

export function fromDb(row: DbTarget): TargetRow {
  return {
    target: { service: row.service_ref, environment: row.environment },
    tier: row.tier,
    owner: optional(row.owner),
    system: optional(row.system),
    record: JSON.parse(row.record),
    rowVersion: toNumber(row.row_version),
    epoch: toNumber(row.epoch ?? 0),
    hold: optionalJson(row.hold),
    foreignEpoch: optionalNumber(row.foreign_epoch),
  };
}
