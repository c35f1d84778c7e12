import knexFactory, { Knex } from 'knex';
import { EnvironmentModel } from '@slipway/backstage-plugin-delivery-common';
import { EnvironmentConfig } from '../../definition';
import { createTestStore, DeliveryStore } from '../../store';
import { Driver } from './driver';
import { FakeWorld } from './fakeWorld';
import {
  environmentConfig,
  environmentModel,
  fakeRenderPlan,
  releaseRow,
} from './rows';

/** A store on SQLite in memory, a fake world and simulated time. */
export interface Fixture {
  clock: { nowMs: number };
  knex: Knex;
  store: DeliveryStore;
  world: FakeWorld;
  environments: EnvironmentConfig[];
  /** Another process on the same store and world. */
  driver(options?: Partial<ConstructorParameters<typeof Driver>[0]>): Driver;
  addService(
    service: string,
    releases: string[],
    environments?: EnvironmentModel[],
  ): Promise<void>;
  close(): Promise<void>;
}

/** What is frozen of a fixture: where another process may go on from. */
export interface Snapshot {
  database: Buffer;
  world: FakeWorld;
  nowMs: number;
}

function inMemory(filename: string | Buffer): Knex.Config {
  return {
    client: 'better-sqlite3',
    // The driver takes the bytes of a database in place of a name.
    connection: { filename: filename as string },
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  };
}

/** Must not be called from within a transaction. */
export async function takeSnapshot(fixture: Fixture): Promise<Snapshot> {
  const connection = await fixture.knex.client.acquireConnection();
  try {
    return {
      database: connection.serialize(),
      world: fixture.world.clone(() => fixture.clock.nowMs),
      nowMs: fixture.clock.nowMs,
    };
  } finally {
    await fixture.knex.client.releaseConnection(connection);
  }
}

/** A fixture of its own that begins where the snapshot was taken. */
export async function fromSnapshot(
  snapshot: Snapshot,
  environments: EnvironmentConfig[],
): Promise<Fixture> {
  const clock = { nowMs: snapshot.nowMs };
  return await createFixture({
    environments,
    clock,
    world: snapshot.world.clone(() => clock.nowMs),
    knex: knexFactory(inMemory(snapshot.database)),
  });
}

export async function createFixture(
  options: {
    environments?: EnvironmentConfig[];
    knex?: Knex;
    clock?: { nowMs: number };
    world?: FakeWorld;
    readyAfterMs?: number;
  } = {},
): Promise<Fixture> {
  const clock = options.clock ?? { nowMs: 1_790_000_000_000 };
  const knex = options.knex ?? knexFactory(inMemory(':memory:'));
  const store = await createTestStore(knex, { clock: () => clock.nowMs });
  const world =
    options.world ??
    new FakeWorld(() => clock.nowMs, {
      readyAfterMs: options.readyAfterMs ?? 200,
    });
  const environments = options.environments ?? [
    environmentConfig('production'),
  ];
  return {
    clock,
    knex,
    store,
    world,
    environments,
    driver: given =>
      new Driver({
        store,
        clock,
        environments,
        connections: new Map(
          environments.map(({ name }) => [name, world.connection()]),
        ),
        rooms: { renderPlan: fakeRenderPlan(world) },
        ...given,
      }),
    async addService(service, releases, models) {
      await store.services.upsertMany([
        {
          ref: service,
          title: service,
          owner: 'group:default/shop',
          repository: '/repo',
          definitionPath: 'delivery.yaml',
          name: service,
        },
      ]);
      await store.targets.ensureMany(
        environments.map(({ name, tier }) => ({
          target: { service, environment: name },
          tier,
          owner: 'group:default/shop',
        })),
      );
      for (const id of releases) {
        await store.releases.create(
          releaseRow({
            id,
            service,
            environments:
              models ?? environments.map(({ name }) => environmentModel(name)),
            createdAtMs: clock.nowMs,
          }),
        );
        clock.nowMs += 1;
      }
    },
    async close() {
      await store.close();
      await knex.destroy();
    },
  };
}
