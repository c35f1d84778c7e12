import knexFactory, { Knex } from 'knex';
import { createTestStore, DeliveryStore } from '../store';
import { decide } from '../rollout';
import { Driver } from './testing/driver';
import { FakeWorld } from './testing/fakeWorld';
import {
  environmentConfig,
  environmentModel,
  fakeRenderPlan,
  generationOf,
  releaseRow,
  tempJudge,
} from './testing/rows';

jest.mock('./rooms', () => ({ defaultRooms: {} }));

const service = 'component:default/checkout';
const target = { service, environment: 'production' };
jest.setTimeout(60_000);

describe('a deployment', () => {
  let knex: Knex;
  let store: DeliveryStore;
  let world: FakeWorld;
  let driver: Driver;
  const clock = { nowMs: 1_790_000_000_000 };

  beforeEach(async () => {
    knex = knexFactory({
      client: 'better-sqlite3',
      connection: ':memory:',
      useNullAsDefault: true,
      pool: { min: 1, max: 1 },
    });
    store = await createTestStore(knex, { clock: () => clock.nowMs });
    world = new FakeWorld(() => clock.nowMs);
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
    for (const id of ['r1', 'r2', 'r3']) {
      await store.releases.create(
        releaseRow({
          id,
          service,
          environments: [environmentModel('production')],
          createdAtMs: clock.nowMs,
        }),
      );
      clock.nowMs += 1;
    }
    driver = new Driver({
      store,
      clock,
      connections: new Map([['production', world.connection()]]),
      environments: [environmentConfig('production')],
      rooms: { decide, renderPlan: fakeRenderPlan(world), ...tempJudge },
    });
  });
  afterEach(async () => {
    expect(world.violations).toEqual([]);
    await store.close?.();
    await knex.destroy();
  });

  const deploy = async (releaseId: string) =>
    await driver.deploy({ ...target, releaseId });

  it('goes through a canary to everything', async () => {
    const first = await deploy('r1');
    expect(await driver.ended(first.id)).toMatchObject({
      status: 'succeeded',
    });
    const second = await deploy('r2');
    expect(await driver.ended(second.id)).toMatchObject({
      status: 'succeeded',
    });
    console.log(world.effects);
    console.log(driver.log);
    expect(world.shares(target)).toEqual({
      [generationOf('r2', 'production')]: 100,
    });
  });
});
