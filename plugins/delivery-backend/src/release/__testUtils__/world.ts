import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mockServices } from '@backstage/backend-test-utils';
import {
  ImageBuilder,
  ImageScanner,
} from '@slipway/backstage-plugin-delivery-node';
import knexFactory from 'knex';
import { EnvironmentConfig } from '../../definition';
import { createTestStore, DeliveryStore, ReleaseRow } from '../../store';
import { createReleaseRunner } from '../runner';
import { ReleaseRunner, ReleaseRunnerOptions } from '../types';
import { MemoryRegistry, startMemoryRegistry } from './memoryRegistry';
import { givenScanner, layoutBuilder, MemoryRepository } from './ports';

export const SERVICE = 'component:default/checkout';
export const ALICE = { type: 'user' as const, ref: 'user:default/alice' };

export const DEFINITION = `apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images:
  - { name: app, repository: shop/checkout, build: { context: src } }
environments:
  - { ref: staging, deploy: automatic }
  - { ref: production }
`;

export const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata: { name: checkout }
spec:
  replicas: 2
  template:
    spec:
      containers:
        - { name: checkout, image: app }
`;

export const FILES = {
  'delivery.yaml': DEFINITION,
  'deploy/checkout.yaml': MANIFEST,
  'src/server.js': 'console.log("tea");\n',
};

export function environment(
  name: string,
  over: Partial<EnvironmentConfig> = {},
): EnvironmentConfig {
  return {
    name,
    title: name,
    tier: name,
    connection: { type: 'local', name: 'default' },
    automation: true,
    queue: 'supersede',
    policy: { block: [] },
    order: 0,
    ...over,
  };
}

/** A store, a registry, a repository and a folder; all real but for git. */
export interface ReleaseWorld {
  store: DeliveryStore;
  registry: MemoryRegistry;
  repository: MemoryRepository;
  workDirectory: string;
  clock: { nowMs: number };
  runner(over?: Partial<ReleaseRunnerOptions>): ReleaseRunner;
  /** Makes a release of the newest commit. */
  request(runner: ReleaseRunner, key?: string): Promise<ReleaseRow>;
  /** Claims what is due and runs it; false when nothing was due. */
  tick(runner: ReleaseRunner, owner?: string): Promise<boolean>;
  /** Ticks until the release is over or waits, moving the clock to its waits. */
  finish(runner: ReleaseRunner, id: string): Promise<ReleaseRow>;
  get(id: string): Promise<ReleaseRow>;
  logOf(id: string, stage: string): Promise<string[]>;
  stop(): Promise<void>;
}

export async function createReleaseWorld(
  options: {
    environments?: EnvironmentConfig[];
    builder?: ImageBuilder;
    scanner?: ImageScanner;
  } = {},
): Promise<ReleaseWorld> {
  const clock = { nowMs: 1_790_000_000_000 };
  const knex = knexFactory({
    client: 'better-sqlite3',
    connection: ':memory:',
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  });
  const store = await createTestStore(knex, { clock: () => clock.nowMs });
  const registry = await startMemoryRegistry();
  const workDirectory = await mkdtemp(join(tmpdir(), 'slipway-release-'));
  const repository = new MemoryRepository();
  await store.services.upsertMany([
    {
      ref: SERVICE,
      title: 'Checkout',
      name: 'checkout',
      owner: 'group:default/shop',
      repository: 'memory:shop',
      definitionPath: 'delivery.yaml',
    },
  ]);

  async function get(id: string): Promise<ReleaseRow> {
    const row = await store.releases.get(id);
    if (!row) {
      throw new Error(`No release ${id}`);
    }
    return row;
  }

  async function tick(runner: ReleaseRunner, owner = 'one'): Promise<boolean> {
    const [lease] = await store.work.claim({
      owner,
      limit: 1,
      leaseMs: 8_000,
      kinds: ['release'],
    });
    if (lease) {
      await runner.tick(lease, new AbortController().signal);
    }
    return lease !== undefined;
  }

  return {
    store,
    registry,
    repository,
    workDirectory,
    clock,
    get,
    tick,
    runner: over =>
      createReleaseRunner({
        store,
        fetchers: [repository],
        builders: [options.builder ?? layoutBuilder()],
        scanner: options.scanner ?? givenScanner(),
        registry: registry.access,
        environments: options.environments ?? [
          environment('staging'),
          environment('production', { order: 1 }),
        ],
        workDirectory,
        logger: mockServices.logger.mock(),
        clock: () => clock.nowMs,
        ...over,
      }),
    async request(runner, key = 'key') {
      const { id } = await runner.createRelease({
        service: SERVICE,
        commit: 'main',
        actor: ALICE,
        idempotencyKey: key,
      });
      return get(id);
    },
    async finish(runner, id) {
      for (let round = 0; round < 500; round += 1) {
        if (!(await tick(runner))) {
          const row = await get(id);
          if (!['queued', 'running'].includes(row.status)) {
            return row;
          }
          clock.nowMs += 1_000;
        }
      }
      throw new Error(`Release ${id} did not come to an end`);
    },
    async logOf(id, stage) {
      const rows = await store.releases.readLog(id, stage, 0, 5_000);
      return rows.map(({ text }) => text);
    },
    async stop() {
      await registry.stop();
      await store.close();
      await knex.destroy();
      await rm(workDirectory, { recursive: true, force: true });
    },
  };
}
