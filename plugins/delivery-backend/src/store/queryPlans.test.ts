import { TestDatabaseId, TestDatabases } from '@backstage/backend-test-utils';
import { Knex } from 'knex';
import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import { SHOP, STAGING, claimNow } from './__fixtures__/rows';
import { seedEstate } from './__fixtures__/estate';
import { createTestStore } from './createStore';
import { openPgConnection } from './pgConnection';
import { DeliveryStore } from './types';

jest.setTimeout(300_000);

const databases = TestDatabases.create();

interface Statement {
  sql: string;
  bindings: unknown[];
}

interface PgPlan {
  'Node Type': string;
  'Plan Rows': number;
  'Index Name'?: string;
  Plans?: PgPlan[];
}

/** What a call of the store really asks the database. */
async function capture(
  knex: Knex,
  work: () => Promise<unknown>,
): Promise<Statement[]> {
  const statements: Statement[] = [];
  const listener = (query: Statement) => {
    if (/^(select|update|with)/i.test(query.sql.trim())) {
      statements.push({ sql: query.sql, bindings: query.bindings ?? [] });
    }
  };
  knex.on('query', listener);
  try {
    await work();
  } finally {
    knex.removeListener('query', listener);
  }
  expect(statements).not.toEqual([]);
  return statements;
}

function nodesOf(plan: PgPlan): PgPlan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** Less than the largest page PostgreSQL may rightly sort rather than read in order. */
const PAGE = 200;

/** The indexes in use; throws for a read of a whole table or a sort of many rows. */
async function indexesOf(
  knex: Knex,
  statements: Statement[],
): Promise<string[]> {
  const indexes: string[] = [];
  if (knex.client.config.client === 'pg') {
    const connection = await openPgConnection(knex);
    try {
      for (const { sql, bindings } of statements) {
        const { rows } = await connection.query(
          `explain (format json) ${sql}`,
          bindings,
        );
        const [{ 'QUERY PLAN': explained }] = rows as Array<{
          'QUERY PLAN': Array<{ Plan: PgPlan }>;
        }>;
        const text = `${sql}\n${JSON.stringify(explained, undefined, 1)}`;
        for (const node of nodesOf(explained[0].Plan)) {
          if (
            node['Node Type'] === 'Seq Scan' ||
            (/Sort$/.test(node['Node Type']) && node['Plan Rows'] > PAGE)
          ) {
            throw new Error(`${node['Node Type']} in ${text}`);
          }
          if (node['Index Name']) {
            indexes.push(node['Index Name']);
          }
        }
      }
    } finally {
      await connection.end();
    }
    return indexes;
  }
  for (const { sql, bindings } of statements) {
    const rows: Array<{ detail: string }> = await knex.raw(
      `explain query plan ${sql}`,
      bindings as Knex.RawBinding[],
    );
    const text = `${sql}\n${rows.map(row => row.detail).join('\n')}`;
    for (const { detail } of rows) {
      // What a CTE of a few rows holds may be scanned.
      const scan = /^SCAN (\w+)( USING (?:COVERING )?INDEX (\w+))?/.exec(
        detail,
      );
      if (
        /USE TEMP B-TREE/.test(detail) ||
        (scan && !scan[2] && !/^(due|held|json_each)$/.test(scan[1]))
      ) {
        throw new Error(`Expected indexes alone, found ${detail} in ${text}`);
      }
      const index =
        /USING (?:(?:COVERING )?INDEX (\w+)|(INTEGER PRIMARY KEY) \(rowid>)/.exec(
          detail,
        );
      if (index) {
        indexes.push(index[1] ?? index[2]);
      }
    }
  }
  return indexes;
}

// PostgreSQL gathers statistics by itself; SQLite has none until the first
// clean-up has asked for them.
const situations = databases.eachSupportedId().flatMap(
  ([id]): Array<[TestDatabaseId, string]> =>
    id === 'SQLITE_3'
      ? [
          [id, 'with statistics'],
          [id, 'without statistics'],
        ]
      : [[id, 'with statistics']],
);

describe.each(situations)(
  'hot queries on %s %s use an index for conditions and order',
  (databaseId, statistics) => {
    let knex: Knex;
    let store: DeliveryStore;

    beforeAll(async () => {
      knex = await databases.init(databaseId);
      store = await createTestStore(knex);
      await seedEstate(knex, {
        services: 60,
        quietServices: 4_000,
        deploymentsPerTarget: 250,
        releasesPerService: 250,
        feed: 5_000,
      });
      if (statistics === 'with statistics') {
        await knex.raw('analyze');
      }
    });

    const page = { limit: 50 };
    const owner = 'group:default/team-1';

    const cases: Array<
      [string, (s: DeliveryStore) => Promise<unknown>, RegExp]
    > = [
      [
        'overview: targets of a service',
        s => s.targets.list({ service: SHOP }),
        /targets_service_idx/,
      ],
      [
        'overview: open deployments of a target',
        s => s.deployments.open(STAGING),
        /deployments_open_idx/,
      ],
      [
        'overview: last deployment of a target',
        s => s.deployments.last(STAGING),
        /deployments_(target|open)_idx/,
      ],
      [
        'estate: open and last deployments of a page of targets',
        s =>
          s.deployments.ofTargets(
            Array.from({ length: 17 }, (_, n) => ({
              service: `component:default/service-${n + 1}`,
              environment: 'staging',
            })),
          ),
        /deployments_open_idx.*deployments_target_idx|deployments_target_idx.*deployments_open_idx/,
      ],
      [
        'overview: releases of a service, newest first',
        s => s.releases.list({ ...page, service: SHOP }),
        /releases_service_idx/,
      ],
      [
        'history of a target, newest first',
        s => s.deployments.list({ ...page, ...STAGING }),
        /deployments_target_idx/,
      ],
      [
        'history of a service, newest first',
        s => s.deployments.list({ ...page, service: SHOP }),
        /deployments_service_idx/,
      ],
      ['estate: all targets', s => s.targets.list(page), /targets_service_idx/],
      [
        'estate: targets of an environment',
        s => s.targets.list({ ...page, environment: 'staging' }),
        /targets_environment_idx/,
      ],
      [
        'estate: targets of an owner',
        s => s.targets.list({ ...page, owner }),
        /targets_owner_idx/,
      ],
      [
        'services of an owner',
        s => s.services.list({ ...page, owner }),
        /services_(owner_idx|pkey)|sqlite_autoindex_services/,
      ],
      [
        'all deployments, newest first',
        s => s.deployments.list(page),
        /deployments_newest_idx/,
      ],
      [
        'deployments that an owner may see',
        s =>
          s.deployments.list({
            ...page,
            filter: query => {
              query.where({ owner });
            },
          }),
        /deployments_owner_idx/,
      ],
      [
        'deployments of an environment, newest first',
        s => s.deployments.list({ ...page, environment: 'staging' }),
        /deployments_environment_idx/,
      ],
      [
        'deployments of a release',
        s => s.deployments.list({ ...page, releaseId: `${SHOP}-r1` }),
        /deployments_release_idx/,
      ],
      [
        'work: claim what is due',
        s => s.work.claim({ owner: 'one', limit: 20, leaseMs: 60_000 }),
        /work_items_due_idx/,
      ],
      [
        'tick: commands of a target',
        s => s.commands.pendingForTarget(STAGING),
        /commands_(target|pending)_idx/,
      ],
      [
        'timeline of a deployment',
        s => s.deployments.events({ deploymentId: `${SHOP}-d1`, limit: 100 }),
        /events_deployment_idx/,
      ],
    ];

    it.each(cases)('%s', async (_name, work, expected) => {
      const statements = await capture(knex, () => work(store));
      const indexes = await indexesOf(knex, statements);
      expect(indexes.join(' ')).toMatch(expected);
    });

    it('the second page is found as fast as the first', async () => {
      const first = await store.deployments.list({ limit: 50 });
      const statements = await capture(knex, () =>
        store.deployments.list({ limit: 50, cursor: first.nextCursor }),
      );
      const indexes = await indexesOf(knex, statements);
      expect(indexes.join(' ')).toMatch(/deployments_newest_idx/);
    });

    it('the feed is read from its cursor', async () => {
      const statements = await capture(knex, () => store.feed.read('0.1', 9));
      const feed = statements.filter(({ sql }) =>
        /from\s+[`"]?feed[`"]?\s/i.test(sql),
      );
      expect(feed).toHaveLength(1);
      const indexes = await indexesOf(knex, feed);
      expect(indexes.join(' ')).toMatch(/feed_order_idx|INTEGER PRIMARY KEY/);
    });

    it('a tick reads, writes and gives back by keys, with others or alone', async () => {
      const target = { ...STAGING, service: 'component:default/service-2' };
      const lease = await claimNow(store, 'target', stringifyTarget(target));
      const looked = await capture(knex, async () => {
        const loaded = await store.ticks.load(lease);
        await store.ticks.save({
          lease,
          row: loaded!.row,
          deployments: loaded!.open,
          measurements: [],
          evidence: [],
          events: [],
          news: [],
        });
        await store.work.release(lease, undefined);
      });
      const indexes = await indexesOf(knex, looked);
      for (const index of [
        /targets_pkey|sqlite_autoindex_targets/,
        /work_items_pkey|sqlite_autoindex_work_items/,
        /deployments_(open|target)_idx/,
      ]) {
        expect(indexes.join(' ')).toMatch(index);
      }
    });

    it('a write under a lease', async () => {
      const target = { ...STAGING, service: 'component:default/service-1' };
      const row = (await store.targets.get(target))!;
      const lease = await claimNow(store, 'target', stringifyTarget(target));
      const statements = await capture(knex, () =>
        store.transaction(tx => store.targets.save(lease, row, tx)),
      );
      const indexes = await indexesOf(
        knex,
        statements.filter(({ sql }) => !/pg_notify/.test(sql)),
      );
      expect(indexes.join(' ')).toMatch(
        /(work_items_pkey|sqlite_autoindex_work_items).*(targets_pkey|sqlite_autoindex_targets)/,
      );
    });
  },
);
