import { ConflictError } from '@backstage/errors';
import knexFactory from 'knex';
import { TestDatabaseId, TestDatabases } from '@backstage/backend-test-utils';
import { Notifier } from '@slipway/backstage-plugin-delivery-node';
import { createTestStore, DeliveryStore } from '../store';
import { createEngineContext } from './context';
import { createEngine } from './engine';
import { hookCalls } from './testing/callHook';
import { silentLogger } from './testing/driver';
import { FakeWorld } from './testing/fakeWorld';
import {
  environmentConfig,
  environmentModel,
  fakeRenderPlan,
  generationOf,
  releaseRow,
} from './testing/rows';
import { runTargetTick } from './targetTick';
import { Engine, EngineOptions } from './types';
import { until } from './testing/until';

jest.setTimeout(180_000);

const service = 'component:default/checkout';
const target = { service, environment: 'production' };
const environments = [environmentConfig('production', { queue: 'queue' })];

async function addReleases(store: DeliveryStore, ids: string[]) {
  await store.services.upsertMany([
    {
      ref: service,
      title: 'Checkout',
      repository: '/repo',
      definitionPath: 'delivery.yaml',
      name: 'checkout',
    },
  ]);
  await store.targets.ensureMany([{ target, tier: 'production' }]);
  for (const id of ids) {
    await store.releases.create(
      releaseRow({
        id,
        service,
        environments: [environmentModel('production')],
        createdAtMs: Date.now(),
      }),
    );
  }
}

const ask = async (engine: Engine, releaseId: string) =>
  await engine.requestDeployment({
    ...target,
    releaseId,
    kind: 'deploy',
    actor: { type: 'user', ref: 'user:default/ann' },
    cause: 'because',
  });

describe('one engine, in real time', () => {
  const knex = knexFactory({
    client: 'better-sqlite3',
    connection: ':memory:',
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  });
  let store: DeliveryStore;
  let world: FakeWorld;
  let serial = 0;
  const engines: Engine[] = [];

  function start(options: Partial<EngineOptions> = {}): Engine {
    const engine = createEngine({
      store,
      connections: new Map([['production', world.connection()]]),
      environments,
      logger: silentLogger(),
      rooms: { renderPlan: fakeRenderPlan(world) },
      tuning: { pollMs: 200 },
      ...options,
    });
    engines.push(engine);
    engine.start();
    return engine;
  }
  const statusOf = async (id: string) =>
    (await store.deployments.get(id))?.status;

  beforeAll(async () => {
    store = await createTestStore(knex);
    world = new FakeWorld(() => Date.now(), { readyAfterMs: 20 });
  });
  beforeEach(async () => {
    serial += 1;
    await addReleases(store, [`r${serial}`]);
  });
  afterEach(async () => {
    await Promise.all(engines.splice(0).map(engine => engine.stop()));
  });
  afterAll(async () => {
    await store.close();
    await knex.destroy();
  });

  it('outlives a database that is away, and says how it fares', async () => {
    let isAway = false;
    const hooked = hookCalls({
      store,
      connection: world.connection(),
      before() {
        if (isAway) {
          throw new Error('connection refused');
        }
      },
    });
    const engine = start({ store: hooked.store });
    const { id } = await ask(engine, `r${serial}`);
    await until(
      'it has begun',
      async () => (await statusOf(id)) === 'progressing',
    );
    isAway = true;
    await until('claims fail', () =>
      engine.stats().loops.some(loop => loop.consecutiveClaimFailures >= 3),
    );
    expect(engine.stats()).toMatchObject({
      running: true,
      loops: [
        { name: 'targets', lastError: expect.stringContaining('refused') },
      ],
    });
    isAway = false;
    await until('it goes on', async () => (await statusOf(id)) === 'succeeded');
    expect(engine.stats().loops[0].consecutiveClaimFailures).toBe(0);
  });

  it('tells news once, however often the notifier fails', async () => {
    const told: string[] = [];
    let failures = 2;
    const notifier: Notifier = {
      async notify({ key }) {
        failures -= 1;
        if (failures >= 0) {
          throw new Error('no connection to the notifications');
        }
        told.push(key);
      },
    };
    const engine = start({ notifier });
    const { id } = await ask(engine, `r${serial}`);
    await until('it was told', () => told.includes(`${id}:succeeded`));
    expect(told.filter(key => key.startsWith(id))).toEqual([`${id}:succeeded`]);
  });

  it('stops between two steps and another one goes on', async () => {
    const first = start();
    const { id } = await ask(first, `r${serial}`);
    await until(
      'it has begun',
      async () => (await statusOf(id)) === 'progressing',
    );
    await first.stop();
    expect((await store.work.stats()).claimed).toBe(0);
    start();
    await until('it is done', async () => (await statusOf(id)) === 'succeeded');
    expect(world.violations).toEqual([]);
  });
});

describe('two engines on one database', () => {
  const databases = TestDatabases.create({
    ids: ['POSTGRES_15', 'SQLITE_3'],
    disableDocker: true,
  });

  async function setUp(databaseId: TestDatabaseId) {
    const knex = await databases.init(databaseId);
    const store = await createTestStore(knex);
    const world = new FakeWorld(() => Date.now(), { readyAfterMs: 20 });
    await addReleases(store, ['r1', 'r2']);
    return { store, world };
  }

  it.each(databases.eachSupportedId())(
    'share the work, each effect once, %p',
    async databaseId => {
      const { store, world } = await setUp(databaseId);
      const engines = ['one', 'two'].map(owner =>
        createEngine({
          store,
          owner,
          connections: new Map([['production', world.connection()]]),
          environments,
          logger: silentLogger(),
          rooms: { renderPlan: fakeRenderPlan(world) },
          tuning: { pollMs: 50 },
        }),
      );
      engines.forEach(engine => engine.start());
      try {
        const asked = await Promise.all([
          ask(engines[0], 'r1'),
          ask(engines[1], 'r2'),
        ]);
        let most = 0;
        await until('both have ended', async () => {
          const open = await store.deployments.open(target);
          most = Math.max(
            most,
            open.filter(({ status }) => status === 'progressing').length,
          );
          return open.length === 0;
        });
        expect(most).toBeLessThanOrEqual(1);
        for (const { id } of asked) {
          expect((await store.deployments.get(id))?.status).toBe('succeeded');
        }
        expect(world.violations).toEqual([]);
        expect(new Set(world.effects).size).toBe(world.effects.length);
      } finally {
        await Promise.all(engines.map(engine => engine.stop()));
        await store.close();
      }
    },
  );

  it.each(databases.eachSupportedId())(
    'a worker that lost its lease in the middle writes neither to the database nor to the world, %p',
    async databaseId => {
      const { store, world } = await setUp(databaseId);
      const context = (owner: string) =>
        createEngineContext({
          store,
          owner,
          connections: new Map([['production', world.connection()]]),
          environments,
          logger: silentLogger(),
          rooms: { renderPlan: fakeRenderPlan(world) },
        });
      const claim = async (owner: string, leaseMs: number) => {
        const [lease] = await store.work.claim({
          owner,
          limit: 1,
          leaseMs,
          kinds: ['target'],
        });
        return lease;
      };
      const never = new AbortController().signal;

      // Both believe that their lease is good for long; the database knows
      // better. The first is stopped before its transaction, the second before
      // its first write to the world.
      for (const [stoppedAt, releaseId] of [
        ['store.ticks.save', 'r1'],
        ['workloads.ensure', 'r2'],
      ]) {
        let arrived = false;
        let letGo = () => {};
        const gate = new Promise<void>(resolve => {
          letGo = resolve;
        });
        const stale = context('stale');
        const hooked = hookCalls({
          store,
          connection: world.connection(),
          async before({ name }) {
            if (name === stoppedAt && !arrived) {
              arrived = true;
              await gate;
            }
          },
        });
        stale.store = hooked.store;
        stale.connections = new Map([['production', hooked.connection]]);
        const deployment = await ask(
          createEngine({
            store,
            connections: new Map(),
            environments,
            logger: silentLogger(),
          }),
          releaseId,
        );
        const lost = await claim('stale', 1);
        const stopped = runTargetTick(stale, lost, performance.now(), never);
        await until('the stale worker is in the middle', () => arrived);

        const heir = context('heir');
        await until('the heir has finished', async () => {
          const lease = await claim('heir', 8_000);
          if (lease) {
            await runTargetTick(heir, lease, performance.now(), never);
          }
          const row = await store.deployments.get(deployment.id);
          return row?.status === 'succeeded';
        });
        const effects = [...world.effects];
        const row = await store.targets.get(target);
        letGo();
        await stopped;
        expect(world.effects).toEqual(effects);
        const after = await store.targets.get(target);
        expect(after?.rowVersion).toBe(row?.rowVersion);
        expect(after?.foreignEpoch).toBeUndefined();
      }
      expect(world.refused).toBe(1);
      expect(world.violations).toEqual([]);
      expect(Object.keys(world.shares(target))).toEqual([
        generationOf('r2', 'production'),
      ]);
      await store.close();
    },
  );

  it('a world with a newer epoch than the database is left alone until a person takes over', async () => {
    const { store, world } = await setUp('SQLITE_3');
    world.target(target).epoch = 1_000;
    const engine = createEngine({
      store,
      connections: new Map([['production', world.connection()]]),
      environments,
      logger: silentLogger(),
      rooms: { renderPlan: fakeRenderPlan(world) },
      tuning: { pollMs: 50 },
    });
    engine.start();
    try {
      const { id } = await ask(engine, 'r1');
      await until(
        'it is errored',
        async () => (await store.deployments.get(id))?.status === 'errored',
      );
      expect((await store.deployments.get(id))?.reason).toMatchObject({
        code: 'foreign-epoch',
        message: expect.stringContaining('newer epoch (1000)'),
        action: expect.stringContaining('take over'),
      });
      expect(world.effects).toEqual([]);
      await store.commands.add({
        id: 'take-over-1',
        verb: 'take-over',
        subjectKind: 'target',
        subjectId: `${service}@production`,
        actor: { type: 'user', ref: 'user:default/ann' },
        reason: 'the database was restored',
        createdAtMs: Date.now(),
      });
      engine.wake();
      await until(
        'it goes on',
        async () => (await store.deployments.get(id))?.status === 'succeeded',
      );
      expect(world.target(target).epoch).toBeGreaterThan(1_000);
    } finally {
      await engine.stop();
      await store.close();
    }
  });

  it('what others have changed is not written over until a person takes over, once', async () => {
    const { store, world } = await setUp('SQLITE_3');
    const actual = world.connection();
    const fences: boolean[] = [];
    let isTheirs = true;
    const engine = createEngine({
      store,
      connections: new Map([
        [
          'production',
          {
            ...actual,
            workloads: {
              fencing: actual.workloads.fencing,
              inspect: actual.workloads.inspect.bind(actual.workloads),
              observe: actual.workloads.observe.bind(actual.workloads),
              remove: actual.workloads.remove.bind(actual.workloads),
              async ensure(to, fence, generation, signal) {
                fences.push(fence.takeOver ?? false);
                if (isTheirs && !fence.takeOver) {
                  throw new ConflictError('"kubectl-edit" owns .spec.template');
                }
                isTheirs = false;
                await actual.workloads.ensure(to, fence, generation, signal);
              },
            },
          },
        ],
      ]),
      environments,
      logger: silentLogger(),
      rooms: { renderPlan: fakeRenderPlan(world) },
      tuning: { pollMs: 50 },
    });
    engine.start();
    try {
      const { id } = await ask(engine, 'r1');
      await until(
        'it says who',
        async () =>
          (
            await store.targets.get(target)
          )?.record.conflict?.message.includes('kubectl-edit') === true,
      );
      expect(fences).not.toContain(true);
      await store.commands.add({
        id: 'take-over-2',
        verb: 'take-over',
        subjectKind: 'target',
        subjectId: `${service}@production`,
        actor: { type: 'user', ref: 'user:default/ann' },
        reason: 'it was a mistake',
        createdAtMs: Date.now(),
      });
      engine.wake();
      await until(
        'it goes on',
        async () => (await store.deployments.get(id))?.status === 'succeeded',
      );
      await until(
        'the permission is used up',
        async () =>
          (await store.targets.get(target))?.record.conflict === undefined,
      );
      expect(fences.filter(Boolean)).toHaveLength(1);
    } finally {
      await engine.stop();
      await store.close();
    }
  });
});
