/*
 * How fast are the pages of a large estate? 10,000 services, 30,000 targets,
 * 300,000 releases and a million deployments, on SQLite and on PostgreSQL,
 * read through the store as the API does. See bench/README.md.
 */
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { percentile, showTable } from './lib/numbers.mjs';
import { TEAMS, seed } from './lib/storeSeed.mjs';

const require = createRequire(import.meta.url);
require('@backstage/cli/config/nodeTransform.cjs');
const knexFactory = require('knex');
const {
  createTestStore,
} = require('../plugins/delivery-backend/src/store/index.ts');

const { values: options } = parseArgs({
  options: {
    database: { type: 'string', default: 'sqlite,postgres' },
    postgres: { type: 'string' },
    services: { type: 'string', default: '10000' },
    deployments: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '300' },
    json: { type: 'string' },
  },
});

const ENVIRONMENTS = ['development', 'staging', 'production'];
const ENTITY_PAGE_MS = 50;
const LIST_PAGE_MS = 100;

const size = {
  services: Number(options.services),
  environments: ENVIRONMENTS,
  deployments: Number(options.deployments),
  releases: Number(options.services) * 30,
};
const rounds = Number(options.rounds);

function serviceRef(n) {
  return `component:default/service-${String(n).padStart(6, '0')}`;
}

/** The same "random" numbers in each run. */
function createRandom() {
  let state = 42;
  return max => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * max);
  };
}

async function openSqlite() {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-store-'));
  const knex = knexFactory({
    client: 'better-sqlite3',
    connection: { filename: join(directory, 'delivery.sqlite') },
    useNullAsDefault: true,
  });
  await knex.raw('pragma journal_mode = wal');
  return {
    knex,
    async close() {
      await knex.destroy();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function openPostgres(connection) {
  const name = `slipway_bench_store_${process.pid}`;
  const admin = knexFactory({ client: 'pg', connection });
  await admin.raw('create database ??', [name]);
  const url = new URL(connection);
  url.pathname = `/${name}`;
  const knex = knexFactory({ client: 'pg', connection: url.href });
  return {
    knex,
    async close() {
      await knex.destroy();
      await admin.raw('drop database ??', [name]);
      await admin.destroy();
    },
  };
}

/** What goes on in the targets of a page. */
function readBoxes(store, page) {
  return store.deployments.ofTargets(page.items.map(({ target }) => target));
}

/** What the Delivery tab of one service asks the store. */
async function readEntityPage(store, service) {
  const [row, targets, releases] = await Promise.all([
    store.services.get(service),
    store.targets.list({ service, limit: 200 }),
    store.releases.list({ service, limit: 10 }),
  ]);
  const boxes = await readBoxes(store, targets);
  const history = await store.deployments.list({ service, limit: 50 });
  if (
    !row ||
    boxes.size !== ENVIRONMENTS.length ||
    [...boxes.values()].some(box => !box.last) ||
    releases.items.length === 0 ||
    history.items.length === 0
  ) {
    throw new Error(`The page of ${service} lacks something`);
  }
}

/** Walks a list from page to page, and starts over at its end. */
function createWalk(name, list) {
  let cursor;
  return async () => {
    const page = await list({ limit: 50, cursor });
    if (cursor === undefined && page.items.length === 0) {
      throw new Error(`The list "${name}" is empty`);
    }
    cursor = page.nextCursor;
  };
}

function casesOf(store, random) {
  const owner = n => `group:default/team-${n}`;
  const mine = query => {
    query.whereIn('owner', [owner(3), owner(57), owner(311)]);
  };
  // A tenth of everything: where neither the index of owners nor the one of
  // times alone finds a page quickly.
  const ofManager = query => {
    query.whereIn(
      'owner',
      Array.from({ length: TEAMS / 10 }, (_, n) => owner(n)),
    );
  };
  const { deployments, targets, releases, services } = store;
  return [
    {
      name: 'entity page',
      budgetMs: ENTITY_PAGE_MS,
      run: () => readEntityPage(store, serviceRef(random(size.services))),
    },
    ...Object.entries({
      'estate with what goes on, walked': async page => {
        const answer = await targets.list(page);
        await readBoxes(store, answer);
        return answer;
      },
      'estate of an environment, walked': page =>
        targets.list({ ...page, environment: 'production' }),
      'estate that a person may see': page =>
        targets.list({ ...page, filter: mine }),
      'services, walked': page => services.list(page),
      'services of an owner': page =>
        services.list({
          ...page,
          owner: owner(random(Math.min(TEAMS, size.services))),
        }),
      'history of everything, walked': page => deployments.list(page),
      'history of an environment, walked': page =>
        deployments.list({ ...page, environment: 'production' }),
      'history that a person may see, walked': page =>
        deployments.list({ ...page, filter: mine }),
      'history that a manager may see, walked': page =>
        deployments.list({ ...page, filter: ofManager }),
      'releases of everything, walked': page => releases.list(page),
      'releases that a person may see, walked': page =>
        releases.list({ ...page, filter: mine }),
    }).map(([name, list]) => ({
      name,
      budgetMs: LIST_PAGE_MS,
      run: createWalk(name, list),
    })),
  ];
}

async function measure(run, count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times;
}

/** The peer: the usual paging by OFFSET, at the same place deep in the list. */
async function comparePaging(store, knex) {
  const pages = 400;
  let cursor;
  for (let i = 0; i < pages; i++) {
    ({ nextCursor: cursor } = await store.deployments.list({
      limit: 200,
      cursor,
    }));
  }
  const keyset = await measure(
    () => store.deployments.list({ limit: 50, cursor }),
    20,
  );
  const offset = await measure(
    () =>
      knex('deployments')
        .orderBy('created_at_ms', 'desc')
        .orderBy('id', 'desc')
        .offset(pages * 200)
        .limit(50),
    20,
  );
  return {
    keysetP50Ms: percentile(keyset, 50),
    offsetP50Ms: percentile(offset, 50),
    ratio: percentile(offset, 50) / percentile(keyset, 50),
  };
}

async function runOn(name, open) {
  const database = await open();
  try {
    const store = await createTestStore(database.knex);
    const seedStart = performance.now();
    await seed(database.knex, size);
    const seededMs = performance.now() - seedStart;
    console.log(
      `\n${name}: ${size.services} services, ${
        size.services * ENVIRONMENTS.length
      } targets, ${size.releases} releases, ${
        size.deployments
      } deployments (made in ${Math.round(seededMs / 1000)} s)`,
    );

    const results = [];
    for (const { name: what, budgetMs, run } of casesOf(
      store,
      createRandom(),
    )) {
      await measure(run, 5);
      const times = await measure(run, rounds);
      results.push({
        what,
        p50Ms: percentile(times, 50),
        p95Ms: percentile(times, 95),
        maxMs: Math.max(...times),
        budgetMs,
        ratio: percentile(times, 95) / budgetMs,
      });
    }
    showTable(results);
    const paging = await comparePaging(store, database.knex);
    console.log(
      `80,000 rows deep: OFFSET takes ${paging.offsetP50Ms.toFixed(
        1,
      )} ms, our cursor ${paging.keysetP50Ms.toFixed(
        1,
      )} ms: ${paging.ratio.toFixed(1)} times faster`,
    );
    await store.close();
    return { database: name, size, rounds, results, paging };
  } finally {
    await database.close();
  }
}

const postgresUrl =
  options.postgres ??
  process.env.BACKSTAGE_TEST_DATABASE_POSTGRES15_CONNECTION_STRING;
const reports = [];
for (const name of options.database.split(',')) {
  if (name === 'sqlite') {
    reports.push(await runOn('SQLite', openSqlite));
  } else if (name === 'postgres' && postgresUrl) {
    reports.push(await runOn('PostgreSQL', () => openPostgres(postgresUrl)));
  } else if (name === 'postgres') {
    console.warn(
      'Skipped PostgreSQL: give --postgres "$(scripts/testing/postgres.sh)"',
    );
  } else {
    throw new Error(
      `Unknown database "${name}": expected sqlite, postgres or both with a comma`,
    );
  }
}
console.log(`\n${JSON.stringify(reports)}`);
if (options.json) {
  writeFileSync(options.json, JSON.stringify(reports, undefined, 2));
}
const slow = reports.flatMap(report =>
  report.results
    .filter(result => result.p95Ms >= result.budgetMs)
    .map(result => `${report.database}: ${result.what}`),
);
if (slow.length > 0) {
  console.error(`Over budget: ${slow.join('; ')}`);
  process.exitCode = 1;
}
