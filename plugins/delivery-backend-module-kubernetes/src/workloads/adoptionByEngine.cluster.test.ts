import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { PodOwner } from '../health';
import { GENERATION_LABEL } from '../names';
import { mapping } from '../plan';
import { describeOnCluster } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';
import { byHand } from './__testUtils__/byHand';

jest.setTimeout(600_000);

const quiet = new AbortController().signal;

/** What is made of the third pod, as there are two nodes. */
const ONE_TO_A_NODE = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        {
          topologyKey: 'kubernetes.io/hostname',
          labelSelector: {
            matchExpressions: [
              { key: 'slipway.dev/generation', operator: 'Exists' },
            ],
          },
        },
      ],
    },
  },
};

describeOnCluster('A plain Deployment, taken over by the engine', () => {
  let engine: EngineWorld;
  let crowded = true;
  beforeAll(async () => {
    engine = await openEngineWorld({
      manifests: () =>
        crowded ? { replicas: 3, podSpec: ONE_TO_A_NODE } : { replicas: 2 },
    });
  });
  afterAll(() => engine?.close());

  const serviceOf = async () => {
    const { world, target } = engine;
    const { namespace } = world;
    const name = world.nameOf(target);
    const found = await world.client.get(
      { apiVersion: 'v1', kind: 'Service', name, namespace },
      quiet,
    );
    return mapping(mapping(found?.spec).selector);
  };
  const plainDeployment = async (): Promise<PodOwner> => {
    const { world, target } = engine;
    return byHand(world.client, world.namespace).get(world.nameOf(target));
  };

  async function takeOver() {
    const { target } = engine;
    const service = target.service.replace(':', '/');
    const path = `services/${service}/environments/${target.environment}/commands`;
    await engine.api('POST', path, { verb: 'take-over', reason: 'a test' });
  }

  it('serves alone while the first generation comes up, goes on when that is aborted, and gives way at once when it succeeds', async () => {
    const { world, target } = engine;
    const plain = await world.plan(target, { version: 'plain', replicas: 2 });
    await world.applyPlain(plain);
    await poll(
      'it serves',
      async () => (await world.request(target)).version === 'plain',
    );
    const { spec: before } = await plainDeployment();
    const selector = await serviceOf();

    const load = engine.load();
    const bad = await engine.release({ version: 'crowded' });
    const failing = await engine.deploy(bad.id);
    await engine.until(
      failing,
      'it is told whose the Service is',
      ({ status }) => status === 'errored',
    );
    await takeOver();
    await poll(
      'two of its three pods are ready, and have no share',
      async () => {
        const { items } = await world.client.list(
          { apiVersion: 'apps/v1', kind: 'Deployment' },
          { namespace: world.namespace, labelSelector: GENERATION_LABEL },
          quiet,
        );
        return items.some(
          ({ metadata, status }) =>
            metadata.name !== world.nameOf(target) &&
            mapping(status).readyReplicas === 2,
        );
      },
      60_000,
    );
    const enough = load.result.versions.length + 200;
    await poll(
      'two hundred requests more',
      async () => load.result.versions.length > enough,
      60_000,
    );
    await engine.command(failing, 'abort');
    const { deployment } = await engine.ended(failing);
    expect(deployment.outcome).toBe('aborted');
    expect(new Set(load.result.versions)).toEqual(new Set(['plain']));
    expect(load.result.failures).toEqual([]);
    expect((await plainDeployment()).spec).toEqual(before);
    await poll(
      'nothing is left that would keep it from being rolled by hand',
      async () =>
        JSON.stringify(await serviceOf()) === JSON.stringify(selector),
    );

    crowded = false;
    const good = await engine.release({ version: 'one' });
    const id = await engine.deploy(good.id);
    // Its Service was given back with the rest: it is asked once more.
    await engine.until(
      id,
      'it is told whose the Service is',
      ({ status }) => status === 'errored',
    );
    await takeOver();
    const { deployment: second } = await engine.ended(id);
    expect(second.outcome).toBe('succeeded');
    await poll('it serves alone', async () =>
      load.result.versions.slice(-20).every(it => it === 'one'),
    );
    const { versions, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(new Set(versions)).toEqual(new Set(['plain', 'one']));
    expect((await plainDeployment()).spec?.replicas).toBe(0);
  });
});
