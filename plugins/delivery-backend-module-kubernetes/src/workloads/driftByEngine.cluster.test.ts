import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { PodOwner } from '../health';
import { GENERATION_LABEL } from '../names';
import { describeOnCluster } from '../testing';
import {
  EngineWorld,
  EngineWorldOptions,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';

jest.setTimeout(600_000);

const quiet = new AbortController().signal;
const REPLICAS = 2;
/** Of the first repair within an hour there is no wait, before the second a minute. */
const SECOND_REPAIR_AFTER_MS = 60_000;

/** What people really type. */
async function kubectl(...args: string[]): Promise<void> {
  await promisify(execFile)('kubectl', args);
}

interface Hands {
  engine: EngineWorld;
  /** The Deployment of what is stable. */
  deployment: string;
  /** The deployment that brought it. */
  brought: string;
  now(): Promise<PodOwner>;
  kubectl(...args: string[]): Promise<void>;
  /** An image that runs and answers as `other`. */
  other: string;
  events(): Promise<string[]>;
}

async function openHands(
  options: EngineWorldOptions,
  versions: string[],
): Promise<Hands> {
  const engine = await openEngineWorld(options);
  const { world } = engine;
  const { namespace } = world;
  let brought = '';
  for (const version of versions) {
    const release = await engine.release({ version });
    brought = await engine.deploy(release.id);
    const { deployment } = await engine.ended(brought);
    expect(deployment).toMatchObject({ outcome: 'succeeded' });
  }
  const plan = await world.plan(world.newTarget(), {
    version: 'other',
    route: false,
  });
  const deployments = () =>
    world.client.list(
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      { namespace, labelSelector: GENERATION_LABEL },
      quiet,
    );
  const [{ metadata }] = await poll('one generation is left', async () => {
    const { items } = await deployments();
    return items.length === 1 && items;
  });
  return {
    engine,
    deployment: metadata.name,
    brought,
    other: plan.images.app,
    kubectl: (...args) => kubectl('--namespace', namespace, ...args),
    async now() {
      const { items } = await deployments();
      const found = items.find(
        ({ metadata: { name } }) => name === metadata.name,
      );
      if (!found) {
        throw new Error(`The Deployment ${metadata.name} is gone`);
      }
      return found;
    },
    async events() {
      const { events } = await engine.detail(brought);
      return events
        .filter(({ type }) => /^drift|taken-over/.test(type))
        .map(({ type, message }) => `${type}: ${message}`);
    },
  };
}

const imageOf = ({ spec }: PodOwner) =>
  spec?.template?.spec?.containers?.[0].image;
const isWhole = ({ spec, status, metadata }: PodOwner, replicas: number) =>
  spec?.replicas === replicas &&
  status?.observedGeneration === metadata.generation &&
  status?.updatedReplicas === replicas &&
  status?.availableReplicas === replicas &&
  status?.replicas === replicas;

const CANARY: EngineWorldOptions = {};
const IN_PLACE: EngineWorldOptions = { strategy: '{ rolling: {} }' };

describeOnCluster('Drift by kubectl, where the environment says repair', () => {
  let hands: Hands;
  async function open(options: EngineWorldOptions, versions: string[]) {
    hands = await openHands({ ...options, drift: 'repair' }, versions);
  }
  afterEach(() => hands?.engine.close());

  /** It is as it was, told with who did it, and no request was lost. */
  async function expectRepaired(by: string, change: () => Promise<void>) {
    const { engine, now, events } = hands;
    const before = await now();
    const load = engine.load();
    await change();
    expect(imageOf(await now())).toBeDefined();
    await engine.told(hands.brought, 'drift-repaired');
    await poll(
      'it is as it was deployed, and whole',
      async () => {
        const after = await now();
        return imageOf(after) === imageOf(before) && isWhole(after, REPLICAS);
      },
      60_000,
    );
    const { failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(await events()).toEqual([
      expect.stringMatching(new RegExp(`^drift-found: .*"${by}"`)),
      expect.stringMatching(new RegExp(`^drift-repaired: .*"${by}"`)),
    ]);
    const repairs = await poll(
      'what ran something else has ended',
      async () => {
        const { drift } = await engine.view();
        return (
          drift.found.length === 0 &&
          drift.instances.length === 0 &&
          drift.repairedAtMs
        );
      },
      60_000,
    );
    expect(repairs).toHaveLength(1);
  }

  it('kubectl set image: written again, users lose nothing', async () => {
    await open(CANARY, ['first']);
    const { deployment, other } = hands;
    await expectRepaired('kubectl-set', () =>
      hands.kubectl('set', 'image', `deployment/${deployment}`, `app=${other}`),
    );
    expect(imageOf(await hands.now())).not.toBe(other);
  });

  it('kubectl set env and patch: what was added goes away again, and the pods are those of before', async () => {
    await open(CANARY, ['first']);
    const { deployment, now, engine } = hands;
    const { template } = (await now()).spec ?? {};
    await expectRepaired('kubectl-set', () =>
      hands.kubectl('set', 'env', `deployment/${deployment}`, 'FOO=bar'),
    );
    expect((await now()).spec?.template).toEqual(template);
    // A person's word does it at once, however often it was repaired.
    const sidecar = { name: 'sidecar', image: hands.other };
    const spec = { template: { spec: { containers: [sidecar] } } };
    const load = engine.load();
    await hands.kubectl(
      'patch',
      `deployment/${deployment}`,
      '--patch',
      JSON.stringify({ spec }),
    );
    await poll('it is told', async () => {
      const { drift } = await engine.view();
      return drift.found.some(({ fields = [] }) =>
        fields.some(({ field }) => field.includes('sidecar')),
      );
    });
    expect(
      await engine.commandTarget('take-over', 'nobody asked for it'),
    ).toMatchObject({});
    await poll(
      'it is as it was deployed, and whole',
      async () => {
        const after = await now();
        return (
          JSON.stringify(after.spec?.template) === JSON.stringify(template) &&
          isWhole(after, REPLICAS)
        );
      },
      60_000,
    );
    const { failures } = await load.stop();
    expect(failures).toEqual([]);
  });

  it('is written again also where the API server answers late: no step of it would be done within the limit of one call', async () => {
    await open(CANARY, ['first']);
    const { deployment, engine, now, other } = hands;
    const before = await now();
    engine
      .proxy()
      .setRule(({ isWatch }) => (isWatch ? undefined : { delayMs: 900 }));
    await hands.kubectl(
      'set',
      'image',
      `deployment/${deployment}`,
      `app=${other}`,
    );
    await engine.told(hands.brought, 'drift-repaired');
    expect(imageOf(await now())).toBe(imageOf(before));
  });

  it('kubectl rollout undo: what is stable comes back in place', async () => {
    await open(IN_PLACE, ['first', 'second']);
    await expectRepaired('kubectl', () =>
      hands.kubectl('rollout', 'undo', `deployment/${hands.deployment}`),
    );
    const { version } = await hands.engine.world.request(hands.engine.target);
    expect(version).toBe('second');
  });

  it('kubectl scale: at once the first time, after a minute the second', async () => {
    await open(CANARY, ['first']);
    const { deployment, engine, now } = hands;
    const scale = (replicas: number) =>
      hands.kubectl(
        'scale',
        `deployment/${deployment}`,
        `--replicas=${replicas}`,
      );
    await expectRepaired('kubectl', () => scale(4));
    const [firstMs] = (await engine.view()).drift.repairedAtMs;
    await scale(1);
    const view = await poll('it is told, with both numbers', async () => {
      const seen = await engine.view();
      return seen.drift.found.length > 0 && seen;
    });
    expect(view.drift.found).toMatchObject([
      {
        kind: 'edited',
        by: 'kubectl',
        fields: [{ field: '.spec.replicas', expected: '2', found: '1' }],
        action: 'It is put right by itself soon',
      },
    ]);
    await poll(
      'it is repaired again',
      async () => (await now()).spec?.replicas === REPLICAS,
      2 * SECOND_REPAIR_AFTER_MS,
    );
    const repairs = await poll('that is remembered', async () => {
      const { drift } = await engine.view();
      return drift.found.length === 0 && drift.repairedAtMs;
    });
    expect(repairs).toHaveLength(2);
    expect(repairs[1] - firstMs).toBeGreaterThanOrEqual(SECOND_REPAIR_AFTER_MS);
  });
});

describeOnCluster('Drift by kubectl, where the environment says tell', () => {
  let hands: Hands;
  beforeAll(async () => {
    hands = await openHands({ drift: 'tell' }, ['first']);
  });
  afterAll(() => hands?.engine.close());

  it('is only told, with both images and who did it, until a person takes over', async () => {
    const { engine, deployment, other, now } = hands;
    const before = await now();
    await hands.kubectl(
      'set',
      'image',
      `deployment/${deployment}`,
      `app=${other}`,
    );
    await engine.told(hands.brought, 'drift-found');
    await poll('it runs', async () => isWhole(await now(), REPLICAS), 60_000);
    const generation = (await now()).metadata.generation;
    await delay(15_000);
    const after = await now();
    expect(imageOf(after)).toBe(other);
    expect(after.metadata.generation).toBe(generation);
    expect(await hands.events()).toEqual([
      expect.stringMatching(
        /^drift-found: .*\.image was changed by "kubectl-set"/,
      ),
    ]);
    const view = await engine.view();
    expect(view.environment.drift).toBe('tell');
    expect(view.drift).toMatchObject({
      found: [
        {
          kind: 'edited',
          about: `Deployment/${deployment}`,
          by: 'kubectl-set',
          fields: [{ expected: imageOf(before), found: other }],
          action: expect.stringMatching(/^Take over/),
        },
      ],
      repairedAtMs: [],
    });
    const digest = other.split('@')[1];
    expect(view.drift.instances.map(({ found }) => found)).toEqual([
      digest,
      digest,
    ]);

    await engine.commandTarget('take-over', 'it was a mistake');
    await engine.told(hands.brought, 'drift-repaired');
    await poll(
      'it is as it was deployed',
      async () => {
        const back = await now();
        return imageOf(back) === imageOf(before) && isWhole(back, REPLICAS);
      },
      60_000,
    );
    expect(await hands.events()).toEqual([
      expect.stringMatching(/^drift-found/),
      expect.stringMatching(/^taken-over: .*kubectl-set.*it was a mistake/),
      expect.stringMatching(/^drift-repaired/),
    ]);
  });
});
