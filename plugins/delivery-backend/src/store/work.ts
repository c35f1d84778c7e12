import { ServiceRef } from '@slipway/backstage-plugin-delivery-common';
import { Knex } from 'knex';
import { StoreContext } from './context';
import { Dialect } from './dialect';
import { createGatherer, Settled } from './gather';
import { idsParameter, isAmong, jsonParameter, jsonRows } from './jsonRows';
import { chunks, optionalNumber, toNumber } from './rows';
import { Lease, LeaseLostError, StoreTx, WorkStore } from './types';

/*
 * One row per unit of work: a target or a release.
 *
 * `due_at_ms` answers "who needs attention, and since when" with one index:
 * it is the wake time while nobody has the item, and the end of the lease
 * while somebody has, so that a lost worker's items become due by themselves.
 * `wake_at_ms` collects pokes that come while the item is claimed.
 *
 * The epoch is raised in the very UPDATE that claims: no two claims of an item
 * ever share one, and a write that names an older epoch is refused.
 *
 * Lock order: the work item first, then the rows of its subject, then the feed.
 */

interface GivenBack {
  lease: Lease;
  /** null: when it is poked. */
  wakeAtMs: number | null;
}

const LEASE_ROWS = {
  kind: 'text',
  id: 'text',
  owner: 'text',
  epoch: 'bigint',
} as const;

const GIVEN_BACK_ROWS = { ...LEASE_ROWS, wake_at_ms: 'bigint' } as const;

/** Which of the leases `v` are held still. */
const held = (
  dialect: Dialect,
) => `work_items.kind = v.kind and work_items.id = v.id
  and work_items.lease_owner = v.owner and work_items.epoch = v.epoch
  and work_items.kind in ('release', 'target')
  and ${isAmong(dialect, 'work_items.id')}`;

const LOCK_IN_ORDER =
  'order by work_items.kind, work_items.id for update of work_items';

const leaseRow = ({ kind, id, owner, epoch }: Lease) => ({
  kind,
  id,
  owner,
  epoch,
});

interface ClaimedRow {
  kind: Lease['kind'];
  id: string;
  epoch: number | string;
  lease_until_ms: number | string;
  due_before_ms: number | string;
}

export function createWorkStore(context: StoreContext): WorkStore {
  const { db, dialect } = context;

  // By id where rows are locked: whoever takes several of them does.
  const giveBack = `
    with held as materialized (
      select work_items.kind, work_items.id, v.wake_at_ms
      from ${jsonRows(dialect, GIVEN_BACK_ROWS)} cross join work_items
      where ${held(dialect)}
      ${dialect.kind === 'postgres' ? LOCK_IN_ORDER : ''}
    )
    update work_items set
      due_at_ms = case when held.wake_at_ms is null
        then work_items.wake_at_ms
        else ${dialect.least('work_items.wake_at_ms', 'held.wake_at_ms')} end,
      wake_at_ms = null,
      lease_owner = null,
      lease_until_ms = null
    from held
    where work_items.kind = held.kind and work_items.id = held.id
    returning work_items.kind, work_items.id`;

  async function releaseAll(
    items: GivenBack[],
    own: Knex,
  ): Promise<Array<Settled<void>>> {
    const result = await own.raw(giveBack, [
      jsonParameter(
        items.map(({ lease, wakeAtMs }) => ({
          ...leaseRow(lease),
          wake_at_ms: wakeAtMs,
        })),
      ),
      idsParameter(
        dialect,
        items.map(({ lease }) => lease.id),
      ),
    ]);
    const rows: Array<{ kind: string; id: string }> =
      dialect.kind === 'postgres' ? result.rows : result;
    const done = new Set(rows.map(({ kind, id }) => `${kind} ${id}`));
    return items.map(({ lease }) =>
      done.has(`${lease.kind} ${lease.id}`)
        ? { value: undefined }
        : { error: leaseLost(lease, 'release') },
    );
  }

  const gatherReleases = createGatherer(
    (items: GivenBack[]) =>
      context.standAlone(undefined, own => releaseAll(items, own)),
    { lanes: dialect.lanes },
  );

  return {
    async claim({ owner, limit, leaseMs, kinds }) {
      if (kinds?.length === 0 || limit < 1) {
        return [];
      }
      const now = dialect.nowSql();
      const kindCondition = kinds
        ? `and kind in (${kinds.map(() => '?').join(', ')})`
        : '';
      const skip = dialect.kind === 'postgres' ? 'for update skip locked' : '';
      // Materialized: the rows are chosen and locked once, whatever the plan.
      // RETURNING has the new values only, so the old due time is kept in a
      // column to hand the items out in the order in which they became due.
      const result = await context.standAlone(undefined, own =>
        own.raw(
          `with due as materialized (
           select kind, id from work_items
           where due_at_ms <= ${now} ${kindCondition}
           order by due_at_ms
           limit ? ${skip}
         )
         update work_items set
           epoch = work_items.epoch + 1,
           lease_owner = ?,
           lease_until_ms = ${now} + ?,
           due_before_ms = work_items.due_at_ms,
           due_at_ms = ${now} + ?,
           wake_at_ms = null
         from due
         where work_items.kind = due.kind and work_items.id = due.id
         returning work_items.kind, work_items.id, work_items.epoch,
           work_items.lease_until_ms, work_items.due_before_ms`,
          [...(kinds ?? []), limit, owner, leaseMs, leaseMs],
        ),
      );
      const rows: ClaimedRow[] =
        dialect.kind === 'postgres' ? result.rows : result;
      return rows
        .sort((a, b) => toNumber(a.due_before_ms) - toNumber(b.due_before_ms))
        .map(row => ({
          kind: row.kind,
          id: row.id,
          owner,
          epoch: toNumber(row.epoch),
          leaseUntilMs: toNumber(row.lease_until_ms),
          dueAtMs: toNumber(row.due_before_ms),
        }));
    },

    async renew(lease, leaseMs) {
      const now = dialect.nowSql();
      // A lease that ran out but that nobody else took is still ours.
      const rows: Array<{ lease_until_ms: number | string }> = await db()(
        'work_items',
      )
        .where(leaseConditions(lease))
        .update({
          lease_until_ms: db().raw(`${now} + ?`, [leaseMs]),
          due_at_ms: db().raw(`${now} + ?`, [leaseMs]),
        })
        .returning('lease_until_ms');
      if (rows.length === 0) {
        throw leaseLost(lease, 'renew');
      }
      return { ...lease, leaseUntilMs: toNumber(rows[0].lease_until_ms) };
    },

    async release(lease, wakeAtMs, tx) {
      const item = {
        lease,
        wakeAtMs: wakeAtMs === undefined ? null : milliseconds(wakeAtMs),
      };
      const surrounding = context.surrounding(tx);
      if (!surrounding) {
        await gatherReleases(item);
        return;
      }
      const [result] = await releaseAll([item], surrounding);
      if ('error' in result) {
        throw result.error;
      }
    },

    async poke(kind, id, options, tx) {
      await poke(context, kind, id, options?.atMs, tx);
    },

    async wakeSleeping(kind, ids) {
      const now = dialect.nowSql();
      const woken: string[] = [];
      // In one order, so that backends that do the same do not deadlock.
      for (const chunk of chunks([...new Set(ids)].sort(), 500)) {
        const rows: Array<{ id: string }> = await db()('work_items')
          .insert(
            chunk.map(id => ({ kind, id, epoch: 0, due_at_ms: db().raw(now) })),
          )
          .onConflict(['kind', 'id'])
          .merge({ due_at_ms: db().raw(now) })
          .whereNull('work_items.due_at_ms')
          .returning('id');
        woken.push(...rows.map(({ id }) => id));
      }
      return woken;
    },

    async raiseEpoch(lease, atLeast, tx) {
      const epoch = Math.max(lease.epoch, Math.floor(atLeast));
      const count = await db(tx)('work_items')
        .where(leaseConditions(lease))
        .update({ epoch });
      if (count === 0) {
        throw leaseLost(lease, 'raise the epoch');
      }
      return { ...lease, epoch };
    },

    async stats() {
      const now = dialect.nowSql();
      const row:
        | {
            due: number | string;
            claimed: number | string;
            age: number | string | null;
          }
        | undefined = await db()('work_items')
        .whereNotNull('due_at_ms')
        .first({
          due: db().raw(
            `coalesce(sum(case when due_at_ms <= ${now} then 1 else 0 end), 0)`,
          ),
          claimed: db().raw(
            `coalesce(sum(case when lease_until_ms > ${now} then 1 else 0 end), 0)`,
          ),
          age: db().raw(
            `${now} - min(case when due_at_ms <= ${now} then due_at_ms end)`,
          ),
        });
      return {
        due: toNumber(row?.due ?? 0),
        claimed: toNumber(row?.claimed ?? 0),
        oldestDueAgeMs: optionalNumber(row?.age),
      };
    },
  };
}

/** Makes the item due, now or at a time; makes the row when there is none. */
export async function poke(
  context: StoreContext,
  kind: Lease['kind'],
  id: string,
  atMs: number | undefined,
  tx: StoreTx | undefined,
): Promise<void> {
  const { dialect } = context;
  const at = atMs === undefined ? dialect.nowSql() : String(milliseconds(atMs));
  await context.db(tx).raw(
    `insert into work_items (kind, id, epoch, due_at_ms) values (?, ?, 0, ${at})
     on conflict (kind, id) do update set
       due_at_ms = case when work_items.lease_owner is null
         then ${dialect.least('work_items.due_at_ms', at)}
         else work_items.due_at_ms end,
       wake_at_ms = case when work_items.lease_owner is null
         then null
         else ${dialect.least('work_items.wake_at_ms', at)} end`,
    [kind, id],
  );
}

/**
 * Refuses to go on when the lease is lost, and keeps it from being lost until
 * the transaction ends: on PostgreSQL the row is locked, and claims skip it.
 */
export async function holdLease(
  context: StoreContext,
  tx: StoreTx,
  lease: Lease,
  subject: { kind: Lease['kind']; id: string },
): Promise<void> {
  if (lease.kind !== subject.kind || lease.id !== subject.id) {
    throw new Error(
      `The lease of ${lease.kind} ${lease.id} does not allow a write to ${subject.kind} ${subject.id}`,
    );
  }
  const query = tx('work_items').where(leaseConditions(lease)).first('id');
  const row = await (context.dialect.kind === 'postgres'
    ? query.forUpdate()
    : query);
  if (!row) {
    throw leaseLost(lease, 'write');
  }
}

/** The same for many at once: the ids of those that are held. */
export async function holdLeases(
  { dialect }: StoreContext,
  tx: StoreTx,
  leases: Lease[],
): Promise<Set<string>> {
  const result = await tx.raw(
    `select work_items.id from ${jsonRows(dialect, LEASE_ROWS)}
     cross join work_items where ${held(dialect)}
     ${dialect.kind === 'postgres' ? LOCK_IN_ORDER : ''}`,
    [
      jsonParameter(leases.map(leaseRow)),
      idsParameter(
        dialect,
        leases.map(({ id }) => id),
      ),
    ],
  );
  const rows: Array<{ id: string }> =
    dialect.kind === 'postgres' ? result.rows : result;
  return new Set(rows.map(({ id }) => id));
}

/**
 * Keeps the ticks of these services' targets from writing until the
 * transaction ends, for writes to many of their rows: by the lock order, the
 * work items come first.
 */
export async function lockTargets(
  context: StoreContext,
  tx: StoreTx,
  services: ServiceRef[],
): Promise<void> {
  if (context.dialect.kind === 'postgres') {
    await tx('work_items')
      .where('kind', 'target')
      .whereIn(
        'id',
        tx('targets').whereIn('service_ref', services).select('target_id'),
      )
      .orderBy('id')
      .select('id')
      .forUpdate();
  }
}

function milliseconds(atMs: number): number {
  const whole = Math.floor(atMs);
  if (!Number.isSafeInteger(whole)) {
    throw new TypeError(
      `Invalid wake time ${atMs}: expected epoch milliseconds`,
    );
  }
  return whole;
}

function leaseConditions(lease: Lease) {
  return {
    kind: lease.kind,
    id: lease.id,
    lease_owner: lease.owner,
    epoch: lease.epoch,
  };
}

export function leaseLost(lease: Lease, verb: string): LeaseLostError {
  return new LeaseLostError(
    `Cannot ${verb}: the lease of ${lease.kind} ${lease.id} at epoch ${lease.epoch} is no longer held by ${lease.owner}; another worker has taken it, or it was given back`,
  );
}
