import { NotFoundError } from '@backstage/errors';
import { ServiceRef } from '@slipway/backstage-plugin-delivery-common';
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
  toNumber,
} from './rows';
import { ServiceRow, ServicesStore, StoreTx } from './types';
import { lockTargets } from './work';

interface DbService {
  service_ref: string;
  title: string;
  owner: string | null;
  system: string | null;
  name: string;
  repository: string;
  definition_path: string;
  default_branch: string | null;
  definition_error: string | null;
  row_version: number | string;
  removed_at_ms: number | string | null;
}

const BY_REF: Keyset = {
  list: 'services',
  columns: [{ name: 'service_ref', type: 'string' }],
  direction: 'asc',
};

/** Tables whose rows carry owner and system for filtering by permission. */
const OWNED_TABLES = ['targets', 'releases', 'deployments'];

export function createServicesStore(context: StoreContext): ServicesStore {
  const { db } = context;

  return {
    async upsertMany(rows) {
      for (const chunk of chunks(
        inOrder(rows, row => row.ref),
        200,
      )) {
        await context.inTransaction(undefined, tx =>
          upsert(context, tx, chunk),
        );
      }
    },

    async removeMissing(refs) {
      for (const chunk of chunks(refs, 500)) {
        await context.inTransaction(undefined, async tx => {
          const removedAtMs = tx.raw(context.dialect.nowSql());
          const present: DbService[] = await tx('services')
            .whereIn('service_ref', chunk)
            .whereNull('removed_at_ms');
          const refsPresent = present.map(row => row.service_ref);
          await tx('services')
            .whereIn('service_ref', refsPresent)
            .update({
              removed_at_ms: removedAtMs,
              row_version: tx.raw('row_version + 1'),
            });
          await tx('targets')
            .whereIn('service_ref', refsPresent)
            .update({ removed_at_ms: removedAtMs });
          await addFeed(
            context,
            present.map(row => ({
              kind: 'service',
              subject: row.service_ref,
              service: row.service_ref,
              version: toNumber(row.row_version) + 1,
            })),
            tx,
          );
        });
      }
    },

    async get(ref) {
      const row: DbService | undefined = await db()('services')
        .where({ service_ref: ref })
        .whereNull('removed_at_ms')
        .first();
      return row && fromDb(row);
    },

    async list({ owner, system, ...page }) {
      const query = db()('services').whereNull('removed_at_ms');
      if (owner !== undefined) {
        query.where({ owner });
      }
      if (system !== undefined) {
        query.where({ system });
      }
      return readPage<DbService, ServiceRow>(query, BY_REF, page, fromDb);
    },

    async setDefinitionError(ref, error) {
      await context.inTransaction(undefined, async tx => {
        const definitionError = nullableJson(error);
        const row: DbService | undefined = await tx('services')
          .where({ service_ref: ref })
          .first();
        if (!row) {
          throw new NotFoundError(
            `No service ${ref}: expected a catalog entity with a delivery definition`,
          );
        }
        if (row.definition_error === definitionError) {
          return;
        }
        const version = toNumber(row.row_version) + 1;
        await tx('services')
          .where({ service_ref: ref })
          .update({ definition_error: definitionError, row_version: version });
        await addFeed(
          context,
          [{ kind: 'service', subject: ref, service: ref, version }],
          tx,
        );
      });
    },
  };
}

async function upsert(
  context: StoreContext,
  tx: StoreTx,
  rows: ServiceRow[],
): Promise<void> {
  const refs = rows.map(row => row.ref);
  const found: DbService[] = await tx('services').whereIn('service_ref', refs);
  const before = new Map(found.map(row => [row.service_ref, row]));

  const changed: DbService[] = [];
  for (const row of rows) {
    const old = before.get(row.ref);
    const next = toDb(row);
    if (!old || old.removed_at_ms !== null || !isSame(old, next)) {
      changed.push({
        ...next,
        row_version: old ? toNumber(old.row_version) + 1 : 1,
        removed_at_ms: null,
      });
    }
  }
  if (changed.length === 0) {
    return;
  }

  await tx('services').insert(changed).onConflict('service_ref').merge();
  await tx('targets')
    .whereIn('service_ref', refs)
    .whereNotNull('removed_at_ms')
    .update({ removed_at_ms: null });
  await passOnOwners(
    context,
    tx,
    changed
      .filter(next => {
        const old = before.get(next.service_ref);
        return !old || old.owner !== next.owner || old.system !== next.system;
      })
      .map(next => next.service_ref),
  );
  await addFeed(
    context,
    changed.map(row => ({
      kind: 'service',
      subject: row.service_ref,
      service: row.service_ref,
      version: toNumber(row.row_version),
    })),
    tx,
  );
}

/** A new owner is the owner of the history too. */
async function passOnOwners(
  context: StoreContext,
  tx: StoreTx,
  refs: ServiceRef[],
): Promise<void> {
  if (refs.length === 0) {
    return;
  }
  await lockTargets(context, tx, refs);
  const current = (column: string, table: string) =>
    tx('services')
      .select(column)
      .where('services.service_ref', tx.ref(`${table}.service_ref`));
  for (const table of OWNED_TABLES) {
    await tx(table)
      .whereIn('service_ref', refs)
      .update({
        owner: current('owner', table),
        system: current('system', table),
      });
  }
}

function toDb(
  row: ServiceRow,
): Omit<DbService, 'row_version' | 'removed_at_ms'> {
  return {
    service_ref: row.ref,
    title: row.title,
    owner: nullable(row.owner),
    system: nullable(row.system),
    name: row.name,
    repository: row.repository,
    definition_path: row.definitionPath,
    default_branch: nullable(row.defaultBranch),
    definition_error: nullableJson(row.definitionError),
  };
}

function isSame(old: DbService, next: ReturnType<typeof toDb>): boolean {
  return (
    old.title === next.title &&
    old.owner === next.owner &&
    old.system === next.system &&
    old.name === next.name &&
    old.repository === next.repository &&
    old.definition_path === next.definition_path &&
    old.default_branch === next.default_branch &&
    old.definition_error === next.definition_error
  );
}

function fromDb(row: DbService): ServiceRow {
  return {
    ref: row.service_ref,
    title: row.title,
    owner: optional(row.owner),
    system: optional(row.system),
    name: row.name,
    repository: row.repository,
    definitionPath: row.definition_path,
    defaultBranch: optional(row.default_branch),
    definitionError: optionalJson(row.definition_error),
  };
}
