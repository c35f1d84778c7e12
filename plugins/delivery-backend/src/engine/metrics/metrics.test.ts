import { TestDatabases } from '@backstage/backend-test-utils';
import { createTestStore, LeaseLostError } from '../../store';
import { createEngine } from '../engine';
import { silentLogger } from '../testing/driver';
import { FakeWorld } from '../testing/fakeWorld';
import { MemoryMetrics } from '../testing/memoryMetrics';
import {
  environmentConfig,
  environmentModel,
  fakeRenderPlan,
  releaseRow,
} from '../testing/rows';
import { until } from '../testing/until';

jest.setTimeout(120_000);

const databases = TestDatabases.create();
const service = 'component:default/checkout';
const target = { service, environment: 'production' };
const environments = [environmentConfig('production')];

it.each(databases.eachSupportedId())(
  'the engine tells how late it is, what waits, and how its work ends, %p',
  async databaseId => {
    const store = await createTestStore(await databases.init(databaseId));
    const world = new FakeWorld(() => Date.now(), { readyAfterMs: 20 });
    const metrics = new MemoryMetrics();
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
    const release = releaseRow({
      id: 'r1',
      service,
      environments: [environmentModel('production')],
      createdAtMs: Date.now(),
    });
    await store.releases.create(release);

    let releaseTicks = 0;
    const engine = createEngine({
      store,
      metrics,
      connections: new Map([['production', world.connection()]]),
      environments,
      logger: silentLogger(),
      rooms: { renderPlan: fakeRenderPlan(world) },
      tuning: { pollMs: 50 },
      releaseRunner: {
        async tick(lease) {
          releaseTicks += 1;
          if (releaseTicks === 1) {
            await store.work.release(lease, Date.now());
            throw new Error('the disk is full');
          }
          const row = await store.releases.get(lease.id);
          if (row && releaseTicks === 2) {
            const nowMs = Date.now();
            await store.releases.save(lease, {
              ...row,
              stages: [
                {
                  stage: 'fetch',
                  status: 'done',
                  attempt: 1,
                  startedAtMs: nowMs - 3_000,
                  finishedAtMs: nowMs,
                },
              ],
            });
          }
          await store.work.release(lease, undefined);
        },
      },
    });
    engine.start();
    const { id } = await engine.requestDeployment({
      ...target,
      releaseId: 'r1',
      kind: 'deploy',
      actor: { type: 'user', ref: 'user:default/ann' },
      cause: 'because',
    });
    await until(
      'it is deployed',
      async () => (await store.deployments.get(id))?.status === 'succeeded',
    );
    const done = { kind: 'target', outcome: 'done' };
    await until(
      'ticks are counted',
      () => metrics.values('delivery.engine.ticks', done).length > 0,
    );
    expect(metrics.values('delivery.engine.due_to_done').length).toBe(
      metrics.values('delivery.engine.ticks', { kind: 'target' }).length,
    );
    expect(
      metrics.values('delivery.engine.due_to_done').every(lag => lag >= 0),
    ).toBe(true);
    await until(
      'a stage is timed',
      () => metrics.values('delivery.release.stage_duration').length > 0,
    );
    expect(
      metrics.values('delivery.release.stage_duration', {
        stage: 'fetch',
        status: 'done',
      }),
    ).toEqual([3]);
    expect(
      metrics.values('delivery.engine.ticks', {
        kind: 'release',
        outcome: 'failed',
      }),
    ).toEqual([1]);
    await until(
      'the news is told',
      async () => (await metrics.collect())['delivery.outbox.depth'] === 0,
    );
    expect(await metrics.collect()).toEqual({
      'delivery.engine.in_flight': expect.any(Number),
      'delivery.engine.due': expect.any(Number),
      'delivery.engine.oldest_due_age': expect.any(Number),
      'delivery.outbox.depth': 0,
      'delivery.outbox.oldest_age': 0,
      'delivery.feed.lag': expect.any(Number),
    });
    await engine.stop();
    expect(await metrics.collect()).toEqual({});
    await store.close();
  },
);

it('the engine counts the work that another backend took over', async () => {
  const store = await createTestStore(await databases.init('SQLITE_3'));
  const metrics = new MemoryMetrics();
  const world = new FakeWorld(() => Date.now());
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
  let stolen = 0;
  const engine = createEngine({
    store: {
      ...store,
      ticks: {
        ...store.ticks,
        async load() {
          stolen += 1;
          throw new LeaseLostError('another one was quicker');
        },
      },
    },
    metrics,
    connections: new Map([['production', world.connection()]]),
    environments,
    logger: silentLogger(),
    tuning: { pollMs: 50 },
  });
  await store.work.poke('target', `${service}@production`);
  engine.start();
  await until('it was stolen', () => stolen > 0);
  await engine.stop();
  expect(
    metrics.values('delivery.engine.leases_lost', { kind: 'target' }),
  ).toHaveLength(stolen);
  expect(metrics.values('delivery.engine.due_to_done')).toEqual([]);
  await store.close();
});
