import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mockServices } from '@backstage/backend-test-utils';
import {
  GenerationState,
  TargetRef,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  LayerEntry,
  Plan,
  plainRenderer,
} from '@slipway/backstage-plugin-delivery-node';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { isMissing } from '../../locald/files';
import { createLocalConnection } from '../localConnection';

import { TestRegistry, file, pushTestImage, startTestRegistry } from './images';
import { ServiceBehaviour, manifestText, serviceSource } from './services';

/** A real slipway-locald on a folder of its own, a registry, and a connection. */
export interface TestWorld {
  connection: Connection;
  registry: TestRegistry;
  dataDirectory: string;
  signal: AbortSignal;
  /** Renders manifests for an image into a Plan. */
  plan(
    target: TargetRef,
    image: LayerEntry[] | ServiceBehaviour,
    manifests?: string,
    config?: Record<string, unknown>,
  ): Promise<Plan>;
  /** Asks slipway-locald itself. */
  localdPid(): Promise<number>;
  close(): Promise<void>;
}

export async function startTestWorld(
  options: { peers?: string[] } = {},
): Promise<TestWorld> {
  const root = await mkdtemp(join(tmpdir(), 'slipway-'));
  const dataDirectory = join(root, 'data');
  const registry = await startTestRegistry(join(root, 'registry'));
  const { peers } = options;
  const connection = createLocalConnection({
    name: 'default',
    dataDirectory,
    registry: registry.access,
    logger: mockServices.logger.mock(),
    renderers: [plainRenderer],
    ...(peers && { peers: async () => peers }),
  });
  const ended = new AbortController();
  const { signal } = ended;

  async function localdFile(name: string): Promise<string> {
    return readFile(join(dataDirectory, 'locald', name), 'utf8');
  }

  return {
    connection,
    registry,
    dataDirectory,
    signal,
    async plan(target, image, manifests = manifestText(), config = {}) {
      const reference = await pushTestImage(
        registry,
        Array.isArray(image)
          ? image
          : [file('app/server.js', serviceSource(image))],
        config,
      );
      const images = { app: reference };
      const objects = await connection.renderers[0].render({
        target,
        releaseId: 'release',
        bundle: new Map([['deploy.yaml', Buffer.from(manifests)]]),
        path: 'deploy.yaml',
        images,
        signal,
      });
      const { replicas, ignored } = await connection.workloads.inspect(
        objects,
        images,
        target,
      );
      const id = createHash('sha256')
        .update(JSON.stringify([target, images, manifests]))
        .digest('hex');
      return {
        id,
        target,
        releaseId: 'release',
        objects,
        images,
        replicas,
        ignored,
      };
    },
    async localdPid() {
      return JSON.parse(await localdFile('address.json')).pid;
    },
    async close() {
      ended.abort();
      try {
        const { port } = JSON.parse(await localdFile('address.json'));
        const token = await localdFile('token');
        await fetch(`http://127.0.0.1:${port}/v1/shutdown`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}` },
        });
        await poll('slipway-locald has ended', async () => {
          try {
            await localdFile('lock');
            return false;
          } catch (error) {
            return isMissing(error);
          }
        });
      } catch (error) {
        // It never ran, or a test has killed it.
        if (!isMissing(error) && !(error instanceof TypeError)) {
          throw error;
        }
      }
      await registry.close();
      await rm(root, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

export { poll };

export async function generationOf(
  world: TestWorld,
  target: TargetRef,
  generation: string,
): Promise<GenerationState | undefined> {
  const observed = await world.connection.workloads.observe(
    target,
    world.signal,
  );
  if (!('known' in observed)) {
    throw new Error(observed.unknown);
  }
  return observed.known.generations.find(
    candidate => candidate.generation === generation,
  );
}

/** Brings a generation up with the share and waits until it is ready. */
export async function bringUp(
  world: TestWorld,
  target: TargetRef,
  options: {
    generation: string;
    plan: Plan;
    epoch?: number;
    revision: number;
    replicas?: number;
    shares?: TrafficShare[];
  },
): Promise<void> {
  const { generation, plan, epoch = 1, revision, shares } = options;
  const replicas = options.replicas ?? plan.replicas;
  const fence = { epoch, revision };
  await world.connection.workloads.ensure(
    target,
    fence,
    { generation, plan, track: 'stable', replicas },
    world.signal,
  );
  await poll(`${replicas} ready of ${generation}`, async () => {
    const state = await generationOf(world, target, generation);
    return state?.ready === replicas;
  });
  if (shares) {
    await world.connection.traffic.request(target, fence, shares, world.signal);
  }
}

/** Where the target's router listens. */
export async function routerUrl(
  world: TestWorld,
  target: TargetRef,
): Promise<string> {
  const observed = await world.connection.traffic.observe(target, world.signal);
  if (!('known' in observed) || !observed.known.address) {
    throw new Error(`No router address: ${JSON.stringify(observed)}`);
  }
  return observed.known.address;
}
