/*
 * 1,000 deployments in flight on one backend (or two, on PostgreSQL): how late
 * is due work, how much memory does it take, how soon does everything go on
 * after kill -9, and is any effect done twice? See bench/README.md.
 */
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Session } from 'node:inspector/promises';
import { percentile } from './lib/numbers.mjs';
import { remoteConnection, serveWorld } from './lib/engineWorld.mjs';
import { countStatements } from './lib/statementStats.mjs';

const require = createRequire(import.meta.url);
require('@backstage/cli/config/nodeTransform.cjs');
const knexFactory = require('knex');
const source = '../plugins/delivery-backend/src';
const { createStore, createTestStore } = require(`${source}/store/index.ts`);
const { createEngine } = require(`${source}/engine/index.ts`);
const { FakeWorld } = require(`${source}/engine/testing/fakeWorld.ts`);
const rows = require(`${source}/engine/testing/rows.ts`);
const { Driver, silentLogger } = require(`${source}/engine/testing/driver.ts`);

const { values: options } = parseArgs({
  options: {
    deployments: { type: 'string', default: '1000' },
    rampMs: { type: 'string', default: '20000' },
    readyAfterMs: { type: 'string', default: '3000' },
    postgres: { type: 'string' },
    hours: { type: 'string', default: '10' },
    targets: { type: 'string', default: '200' },
    only: { type: 'string', default: 'flight,hours' },
    json: { type: 'string' },
    profile: { type: 'string' },
    statements: { type: 'boolean', default: false },
    undisturbed: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
    sqlite: { type: 'string' },
  },
});

const DUE_TO_DONE_MS = 1_000;
const RSS_MB = 512;
const RESUME_MS = 10_000;
/** Those of the dead end by then. */
const LEASE_MS = 6_000;
const TUNING = { restCheckMs: 3_600_000 };
const environments = [rows.environmentConfig('production')];
const megabytes = bytes => Math.round(bytes / 1024 / 1024);
const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
const ref = n => `component:default/service-${String(n).padStart(5, '0')}`;
const ann = { type: 'user', ref: 'user:default/ann' };

/** About a minute: 10 %, 20 s of analysis, 50 %, a pause, everything. */
const STRATEGY = {
  ...rows.CANARY,
  steps: rows.CANARY.steps.flatMap(step => {
    if (step.type === 'analysis') {
      const timing = { durationMs: 20_000, intervalMs: 5_000 };
      return [{ ...step, analysis: { ...step.analysis, ...timing } }];
    }
    return step.percent === 100
      ? [{ type: 'pause', durationMs: 10_000 }, step]
      : [step];
  }),
  scaleDownDelayMs: 5_000,
};

function openDatabase({ sqlite, postgres }) {
  return postgres
    ? knexFactory({ client: 'pg', connection: postgres, pool: { max: 10 } })
    : knexFactory({
        client: 'better-sqlite3',
        connection: { filename: sqlite },
        useNullAsDefault: true,
      });
}

const openStore = async knex =>
  knex.client.config.client === 'pg'
    ? await createTestStore(knex)
    : await createStore({
        database: { getClient: async () => knex },
        logger: silentLogger(),
      });

async function seed(store, count, releases, model) {
  const together = 50;
  for (let first = 0; first < count; first += together) {
    const last = Math.min(count, first + together);
    await store.transaction(async () => {
      for (let n = first; n < last; n += 1) {
        await seedService(store, n, releases, model);
      }
    });
  }
}

async function seedService(store, n, releases, model) {
  const service = ref(n);
  await store.services.upsertMany([
    {
      ref: service,
      title: service,
      repository: '/repo',
      definitionPath: 'delivery.yaml',
      name: service,
    },
  ]);
  await store.targets.ensureMany([
    { target: { service, environment: 'production' }, tier: 'production' },
  ]);
  for (const release of releases) {
    await store.releases.create(
      rows.releaseRow({
        id: `${release}-${n}`,
        service,
        environments: [rows.environmentModel('production', model)],
        createdAtMs: Date.now(),
      }),
    );
  }
}

/* The worker: an engine that tells its parent how late its work was. */

async function work() {
  const knex = openDatabase(options);
  const statements =
    options.statements && options.sqlite
      ? await countStatements(knex)
      : undefined;
  const store = await openStore(knex);
  const late = [];
  const waited = [];
  const dueAt = new Map();
  const { claim, release } = store.work;
  store.work.claim = async request => {
    const leases = await claim(request);
    const nowMs = Date.now();
    for (const { id, dueAtMs } of leases) {
      dueAt.set(id, dueAtMs);
      waited.push(nowMs - dueAtMs);
    }
    return leases;
  };
  store.work.release = async (lease, ...rest) => {
    await release(lease, ...rest);
    if (lease.kind === 'target') {
      late.push(Date.now() - dueAt.get(lease.id));
      dueAt.delete(lease.id);
    }
  };
  const releases = { releaseOfPlan: new Map() };
  const engine = createEngine({
    store,
    connections: new Map([['production', remoteConnection()]]),
    environments,
    // The releases are made already: nothing is to be done for them.
    releaseRunner: { tick: lease => store.work.release(lease, undefined) },
    logger: {
      ...silentLogger(),
      warn: line => console.error(`${line}`),
      error: line => console.error(`${line}`),
    },
    rooms: { renderPlan: rows.fakeRenderPlan(releases) },
    tuning: TUNING,
  });
  process.on('message', async message => {
    if (message.type === 'deploy') {
      await Promise.all(
        message.numbers.map(n =>
          engine.requestDeployment({
            service: ref(n),
            environment: 'production',
            releaseId: `${message.release}-${n}`,
            kind: 'deploy',
            actor: ann,
            cause: 'bench',
            idempotencyKey: `${message.release}-${n}`,
          }),
        ),
      );
      process.send({ type: 'deployed' });
    } else if (message.type === 'report') {
      await (message.isIdle ? undefined : profiler?.next());
      process.send({
        type: 'report',
        late: late.splice(0),
        waited: waited.splice(0),
        statements: statements?.take(),
        rss: process.memoryUsage().rss,
        heap: process.memoryUsage().heapUsed,
        cpu:
          Math.round(
            process.cpuUsage().user / 1e4 + process.cpuUsage().system / 1e4,
          ) / 100,
        busy: busySince(),
        stats: engine.stats(),
        work: await store.work.stats(),
      });
    }
  });
  const profiler = options.profile && createProfiler(options.profile);
  engine.start();
  process.send({ type: 'ready' });
}

/** The part of the time since the last call in which the event loop was busy. */
const busySince = (() => {
  let last = performance.eventLoopUtilization();
  let cpu = process.cpuUsage();
  let at = performance.now();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (performance.now() - at) / 1e3;
    const cores = (user + system) / 1e6 / seconds;
    last = now;
    cpu = process.cpuUsage();
    at = performance.now();
    return {
      seconds: Math.round(seconds),
      loop: Math.round(utilization * 100) / 100,
      cores: Math.round(cores * 100) / 100,
    };
  };
})();

/** Begins with the first report and ends with the second one. */
function createProfiler(file) {
  const session = new Session();
  let step = 0;
  return {
    async next() {
      step += 1;
      if (step === 1) {
        session.connect();
        await session.post('Profiler.enable');
        await session.post('Profiler.start');
      } else if (step === 2) {
        const { profile } = await session.post('Profiler.stop');
        writeFileSync(file, JSON.stringify(profile));
      }
    },
  };
}

/* The parent. */

function startWorker(database, connection) {
  const child = fork(
    fileURLToPath(import.meta.url),
    [
      '--worker',
      ...(database.postgres
        ? ['--postgres', database.postgres]
        : ['--sqlite', database.sqlite]),
      ...(options.profile ? ['--profile', options.profile] : []),
      ...(options.statements ? ['--statements'] : []),
    ],
    { serialization: 'advanced' },
  );
  serveWorld(child, connection);
  const next = type =>
    new Promise((resolve, reject) => {
      const onMessage = message => {
        if (message.type === type) {
          child.off('message', onMessage);
          child.off('exit', onExit);
          resolve(message);
        }
      };
      const onExit = code => reject(new Error(`The worker ended: ${code}`));
      child.on('message', onMessage);
      child.once('exit', onExit);
    });
  const ask = async (message, type) => {
    const answer = next(type);
    child.send(message);
    return await answer;
  };
  return {
    child,
    ready: next('ready'),
    deploy: (release, numbers) =>
      ask({ type: 'deploy', release, numbers }, 'deployed'),
    report: isIdle => ask({ type: 'report', isIdle }, 'report'),
  };
}

const doneOf = (world, release, count) => {
  let done = 0;
  for (let n = 0; n < count; n += 1) {
    const generation = rows.generationOf(`${release}-${n}`, 'production');
    const target = { service: ref(n), environment: 'production' };
    done += world.shares(target)[generation] === 100 ? 1 : 0;
  }
  return done;
};

async function until(what, isSo, limitMs = 600_000) {
  const end = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > end) {
      throw new Error(`Not so after ${limitMs} ms: ${what}`);
    }
    await pause(100);
  }
}

async function ramp(workers, release, count) {
  const parts = 40;
  for (let part = 0; part < parts; part += 1) {
    const numbers = [];
    for (let n = part; n < count; n += parts) {
      numbers.push(n);
    }
    await workers[part % workers.length].deploy(release, numbers);
    await pause(Number(options.rampMs) / parts);
  }
}

async function flight(database) {
  const count = Number(options.deployments);
  const world = new FakeWorld(() => Date.now(), {
    readyAfterMs: Number(options.readyAfterMs),
  });
  const connection = world.connection();
  const knex = openDatabase(database);
  const store = await openStore(knex);
  await seed(store, count, ['old', 'new', 'next'], {
    strategy: STRATEGY,
    progressDeadlineMs: 600_000,
  });
  await store.close();
  await knex.destroy();

  const open = async () => {
    const started = Array.from({ length: database.postgres ? 2 : 1 }, () =>
      startWorker(database, connection),
    );
    await Promise.all(started.map(({ ready }) => ready));
    return started;
  };
  let workers = await open();
  const idle = await Promise.all(workers.map(worker => worker.report(true)));
  await ramp(workers, 'old', count);
  await until('all run', () => doneOf(world, 'old', count) === count);
  await pause(5_000);
  await Promise.all(workers.map(worker => worker.report()));
  busySince();
  world.effects.length = 0;

  // In flight, all at once, undisturbed.
  await ramp(workers, 'new', count);
  await until('all are new', () => doneOf(world, 'new', count) === count);
  const reports = await Promise.all(workers.map(worker => worker.report()));
  const busy = {
    orchestrator: busySince(),
    workers: reports.map(report => report.busy),
  };
  const late = reports.flatMap(report => report.late);
  const waited = reports.flatMap(report => report.waited);
  const rss = Math.max(...reports.map(report => report.rss));
  if (options.statements) {
    console.table(reports[0].statements?.slice(0, 40));
  }
  await pause(8_000);
  const twiceUndisturbed = world.effects.length - new Set(world.effects).size;
  world.effects.length = 0;
  if (options.undisturbed) {
    workers.forEach(({ child }) => child.kill('SIGTERM'));
    return {
      name: `${count} in flight, undisturbed`,
      ticks: late.length,
      dueToDoneP50Ms: percentile(late, 50),
      dueToDoneP99Ms: percentile(late, 99),
      dueToClaimP99Ms: percentile(waited, 99),
      rssMb: megabytes(rss),
      idleRssMb: idle.map(report => megabytes(report.rss)),
      heapMb: reports.map(({ heap }) => megabytes(heap)),
      cpuSeconds: reports.map(({ cpu }) => cpu),
      busy,
      load: loadavg().map(Math.round),
      ok: percentile(late, 99) <= DUE_TO_DONE_MS && twiceUndisturbed === 0,
    };
  }

  // In flight, and everything is killed in the middle.
  await ramp(workers, 'next', count);
  await pause(5_000);
  for (const { child } of workers) {
    child.kill('SIGKILL');
  }
  await pause(2_000);
  const restartedAt = Date.now();
  workers = await open();
  const startedMs = Date.now() - restartedAt;
  await until('nothing is overdue any more', async () => {
    const [report] = await Promise.all(workers.map(w => w.report()));
    const age = report.work.oldestDueAgeMs ?? 0;
    return Date.now() - restartedAt > LEASE_MS && age < DUE_TO_DONE_MS;
  });
  const resumedMs = Date.now() - restartedAt;
  await until('all are next', () => doneOf(world, 'next', count) === count);
  await pause(8_000);
  const twice = world.effects.length - new Set(world.effects).size;
  for (const { child } of workers) {
    child.kill('SIGTERM');
  }
  return {
    name: `${count} in flight, ${
      database.postgres ? 'PostgreSQL, two backends' : 'SQLite, one backend'
    }`,
    ticks: late.length,
    dueToDoneP50Ms: percentile(late, 50),
    dueToDoneP99Ms: percentile(late, 99),
    dueToClaimP99Ms: percentile(waited, 99),
    dueToDoneBudgetMs: DUE_TO_DONE_MS,
    dueToDoneRatio: percentile(late, 99) / DUE_TO_DONE_MS,
    busy,
    load: loadavg().map(Math.round),
    rssMb: megabytes(rss),
    rssBudgetMb: RSS_MB,
    startedMs,
    resumedMs,
    resumedBudgetMs: RESUME_MS,
    effectsTwice: twiceUndisturbed + twice,
    violations: world.violations.length,
    ok:
      percentile(late, 99) <= DUE_TO_DONE_MS &&
      megabytes(rss) <= RSS_MB &&
      resumedMs <= RESUME_MS &&
      twiceUndisturbed + twice === 0 &&
      world.violations.length === 0,
  };
}

/** Works on what is due, and goes on to when something is due again. */
async function passHour(driver, clock, knex) {
  const endMs = clock.nowMs + 3_600_000;
  while (clock.nowMs < endMs) {
    while ((await driver.work()) > 0);
    const { next } = await knex('work_items')
      .where({ kind: 'target' })
      .min({ next: 'due_at_ms' })
      .first();
    clock.nowMs = Math.min(endMs, Math.max(clock.nowMs + 1, next ?? endMs));
  }
}

/** Each target gets a release an hour; memory is read after a collection. */
async function simulatedHours(database) {
  const count = Number(options.targets);
  const hours = Number(options.hours);
  const clock = { nowMs: Date.now() };
  const knex = openDatabase(database);
  const store = await createTestStore(knex, { clock: () => clock.nowMs });
  const world = new FakeWorld(() => clock.nowMs, { readyAfterMs: 3_000 });
  const names = Array.from({ length: hours + 1 }, (_, hour) => `h${hour}`);
  await seed(store, count, names, { strategy: STRATEGY });
  const driver = new Driver({
    store,
    clock,
    environments,
    connections: new Map([['production', world.connection()]]),
    rooms: { renderPlan: rows.fakeRenderPlan(world) },
  });
  const heapMb = [];
  const rssMb = [];
  for (const name of names) {
    for (let n = 0; n < count; n += 1) {
      await driver.deploy({
        service: ref(n),
        environment: 'production',
        releaseId: `${name}-${n}`,
      });
    }
    await passHour(driver, clock, knex);
    if (doneOf(world, name, count) !== count) {
      throw new Error(`Not everything of ${name} was deployed in its hour`);
    }
    world.effects.length = 0;
    global.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    heapMb.push(megabytes(heapUsed));
    rssMb.push(megabytes(rss));
  }
  await store.close();
  await knex.destroy();
  const [first, last] = [heapMb[1], heapMb.at(-1)];
  return {
    name: `${hours} simulated hours, ${count} targets, ${
      count * hours
    } deployments`,
    heapMb,
    rssMb,
    growthMb: last - first,
    ok: last - first <= Math.max(8, first * 0.1),
  };
}

async function main() {
  const results = [];
  const parts = options.only.split(',');
  const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-engine-'));
  try {
    if (parts.includes('flight')) {
      const database = options.postgres
        ? { postgres: options.postgres }
        : { sqlite: join(directory, 'flight.sqlite') };
      results.push(await flight(database));
    }
    if (parts.includes('hours')) {
      results.push(
        await simulatedHours({ sqlite: join(directory, 'hours.sqlite') }),
      );
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  console.log(JSON.stringify(results, undefined, 2));
  if (options.json) {
    writeFileSync(options.json, JSON.stringify(results, undefined, 2));
  }
  process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
}

await (options.worker ? work() : main());
