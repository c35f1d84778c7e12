import { setTimeout as delay } from 'node:timers/promises';
import { PodOwner } from './health';
import { GENERATION_LABEL } from './names';
import { describeOnCluster } from './testing';
import {
  EngineWorld,
  openEngineWorld,
} from './testing/__testUtils__/engineWorld';

jest.setTimeout(240_000);

const quiet = new AbortController().signal;
const REPLICAS = 4;

describeOnCluster('A canary without a route', () => {
  let engine: EngineWorld;
  beforeAll(async () => {
    engine = await openEngineWorld({
      steps: '[{ weight: 25% }, { weight: 50% }, { weight: 100% }]',
      manifests: () => ({ route: undefined, replicas: REPLICAS }),
    });
  });
  afterAll(() => engine?.close());

  /** How many instances of a generation were ready whenever it alone was selected. */
  function watchAlone(isTried: () => string | undefined) {
    const { client, namespace } = engine.world;
    const ready: number[] = [];
    let isOn = true;
    const watching = (async () => {
      while (isOn) {
        const generation = isTried();
        const labelSelector = `${GENERATION_LABEL}=${generation}`;
        const [services, deployments] = await Promise.all([
          client.list(
            { apiVersion: 'v1', kind: 'Service' },
            { namespace },
            quiet,
          ),
          client.list(
            { apiVersion: 'apps/v1', kind: 'Deployment' },
            { namespace, labelSelector },
            quiet,
          ),
        ]);
        const isAlone = services.items.some(({ metadata, spec }) => {
          const { selector = {} } = spec as {
            selector?: Record<string, string>;
          };
          return (
            metadata.labels?.[GENERATION_LABEL] === undefined &&
            selector[GENERATION_LABEL] === generation
          );
        });
        const [deployment]: PodOwner[] = deployments.items;
        if (generation && isAlone && deployment) {
          ready.push(deployment.status?.readyReplicas ?? 0);
        }
        await delay(25);
      }
    })();
    return async () => {
      isOn = false;
      await watching;
      return ready;
    };
  }

  it('goes through its steps, each share asked for once, and has everything only once all of it is ready', async () => {
    const one = await engine.release({ version: 'one' });
    const first = await engine.ended(await engine.deploy(one.id));
    expect(first.deployment.outcome).toBe('succeeded');

    const two = await engine.release({ version: 'two' });
    let tried: string | undefined;
    const stop = watchAlone(() => tried);
    const id = await engine.deploy(two.id);
    await engine.until(id, 'it is tried', ({ rollout }) => {
      tried = rollout?.candidate.generation;
      return tried !== undefined;
    });
    const { deployment, events } = await engine.ended(id);
    expect(deployment.outcome).toBe('succeeded');
    const asked = events
      .filter(({ type }) => type === 'traffic-asked')
      .sort((a, b) => a.atMs - b.atMs)
      .map(({ message }) => Number(/(\d+) % canary/.exec(message)?.[1] ?? 0));
    expect(asked.filter(percent => percent > 0)).toEqual([25, 50, 100]);
    const ready = await stop();
    expect(ready.length).toBeGreaterThan(0);
    expect(Math.min(...ready)).toBe(REPLICAS);
  });
});
