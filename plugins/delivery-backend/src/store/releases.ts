import { NotFoundError } from '@backstage/errors';
import { Release } from '@slipway/backstage-plugin-delivery-common';
import { keepBlobs } from './blobs';
import { StoreContext } from './context';
import { addFeed } from './feed';
import { Keyset, readPage } from './paging';
import { createReleaseLogs } from './releaseLogs';
import { chunks, nullable, optional, toNumber } from './rows';
import {
  ReleaseRow,
  ReleasesStore,
  StoreTx,
  VersionConflictError,
} from './types';
import { holdLease, poke } from './work';

interface DbRelease {
  id: string;
  /** The public part, without rowVersion. */
  data: string;
  /** What only the release room uses. */
  internals: string;
  idempotency_key: string | null;
  row_version: number | string;
}

const NEWEST_FIRST: Keyset = {
  list: 'releases',
  columns: [
    { name: 'created_at_ms', type: 'number' },
    { name: 'id', type: 'string' },
  ],
  direction: 'desc',
};

export function createReleasesStore(context: StoreContext): ReleasesStore {
  const { db } = context;

  return {
    ...createReleaseLogs(context),

    async create(row, tx) {
      return context.inTransaction(tx, async own => {
        const owner: { owner: string; system: string } | undefined = await own(
          'services',
        )
          .where({ service_ref: row.service })
          .first('owner', 'system');
        const created = { ...row, rowVersion: 1 };
        // Without a target: the id or the key may be there already.
        const inserted: Array<{ id: string }> = await own('releases')
          .insert({
            ...toDb(created),
            id: row.id,
            service_ref: row.service,
            owner: nullable(owner?.owner),
            system: nullable(owner?.system),
            commit_sha: row.commit.sha,
            created_at_ms: row.createdAtMs,
            idempotency_key: nullable(row.idempotencyKey),
            row_version: 1,
          })
          .onConflict()
          .ignore()
          .returning('id');
        if (inserted.length === 0) {
          return existing(own, row);
        }
        await poke(context, 'release', row.id, undefined, own);
        await keepBlobs(
          own,
          { kind: 'release', id: row.id },
          JSON.stringify(created),
        );
        await feed(context, own, created);
        return created;
      });
    },

    async get(id, tx) {
      const row: DbRelease | undefined = await db(tx)('releases')
        .where({ id })
        .first('data', 'internals', 'idempotency_key', 'row_version');
      return row && fromDb(row);
    },

    async save(lease, row, tx) {
      return context.inTransaction(tx, async own => {
        await holdLease(context, own, lease, { kind: 'release', id: row.id });
        const saved = { ...row, rowVersion: row.rowVersion + 1 };
        const count = await own('releases')
          .where({ id: row.id, row_version: row.rowVersion })
          .update({ ...toDb(saved), row_version: saved.rowVersion });
        if (count === 0) {
          throw new VersionConflictError(
            `Release ${row.id} is not at version ${row.rowVersion} any more, or is gone; read it again`,
          );
        }
        await keepBlobs(
          own,
          { kind: 'release', id: row.id },
          JSON.stringify(saved),
        );
        await feed(context, own, saved);
        return saved;
      });
    },

    async list({ service, ...page }) {
      const query = db()('releases').select(
        'id',
        'created_at_ms',
        'data',
        'row_version',
      );
      if (service !== undefined) {
        query.where({ service_ref: service });
      }
      return readPage(query, NEWEST_FIRST, page, publicPart);
    },

    async latestForCommits(service, shas) {
      const latest = new Map<string, Release>();
      for (const chunk of chunks([...new Set(shas)], 500)) {
        const rows: Array<DbRelease & { commit_sha: string }> = await db()(
          'releases',
        )
          .where({ service_ref: service })
          .whereIn('commit_sha', chunk)
          .orderBy('created_at_ms')
          .orderBy('id')
          .select('commit_sha', 'data', 'row_version');
        for (const row of rows) {
          latest.set(row.commit_sha, publicPart(row));
        }
      }
      return latest;
    },

    async findBuild(inputsHash) {
      const row: { images: string } | undefined = await db()('builds')
        .where({ inputs_hash: inputsHash })
        .first('images');
      return row && { images: JSON.parse(row.images) };
    },

    async saveBuild(inputsHash, images) {
      await db()('builds')
        .insert({
          inputs_hash: inputsHash,
          images: JSON.stringify(images),
          used_at_ms: db().raw(context.dialect.nowSql()),
        })
        .onConflict('inputs_hash')
        .merge();
    },
  };
}

async function existing(tx: StoreTx, row: ReleaseRow): Promise<ReleaseRow> {
  const query = tx('releases').where({ id: row.id });
  if (row.idempotencyKey !== undefined) {
    query.orWhere({
      service_ref: row.service,
      idempotency_key: row.idempotencyKey,
    });
  }
  const found: DbRelease | undefined = await query.first(
    'data',
    'internals',
    'idempotency_key',
    'row_version',
  );
  if (!found) {
    throw new NotFoundError(
      `Release ${row.id} was there a moment ago and is gone; create it again`,
    );
  }
  return fromDb(found);
}

function toDb(row: ReleaseRow) {
  const {
    checkpoint,
    definition,
    definitionProblems,
    bundleBlob,
    findingsBlob,
    sbomBlobs,
    idempotencyKey: _key,
    rowVersion: _version,
    ...data
  } = row;
  return {
    status: row.status,
    finished_at_ms: nullable(row.finishedAtMs),
    data: JSON.stringify(data),
    internals: JSON.stringify({
      checkpoint,
      definition,
      definitionProblems,
      bundleBlob,
      findingsBlob,
      sbomBlobs,
    }),
  };
}

function publicPart(row: Pick<DbRelease, 'data' | 'row_version'>): Release {
  return { ...JSON.parse(row.data), rowVersion: toNumber(row.row_version) };
}

function fromDb(row: DbRelease): ReleaseRow {
  return {
    ...publicPart(row),
    ...JSON.parse(row.internals),
    idempotencyKey: optional(row.idempotency_key),
  };
}

function feed(
  context: StoreContext,
  tx: StoreTx,
  row: Pick<Release, 'id' | 'service' | 'rowVersion'>,
): Promise<void> {
  return addFeed(
    context,
    [
      {
        kind: 'release',
        subject: row.id,
        service: row.service,
        version: row.rowVersion,
      },
    ],
    tx,
  );
}
