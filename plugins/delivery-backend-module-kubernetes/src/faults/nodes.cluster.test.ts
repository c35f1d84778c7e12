import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { isStatus, KubeObject } from '../client';
import { describeWithControl } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';
import {
  bringFirst,
  expectNothingTwice,
  expectServed,
  objectsOf,
  pausedCanary,
  quiet,
} from './__testUtils__/canary';

jest.setTimeout(360_000);

/** The one whose parts the control program can kill. */
const NODE = 'node2';
const PATIENCE_MS = 150_000;
const TOLERATED_SECONDS = 5;

interface Pod extends KubeObject {
  spec?: { nodeName?: string };
}

/** On both nodes, and away from one that is gone soon after. */
const podSpec = (name: string) => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'DoNotSchedule',
      nodeTaintsPolicy: 'Honor',
      labelSelector: { matchLabels: { app: name } },
      // Each generation by itself.
      matchLabelKeys: ['pod-template-hash'],
    },
  ],
  tolerations: ['not-ready', 'unreachable'].map(taint => ({
    key: `node.kubernetes.io/${taint}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: TOLERATED_SECONDS,
  })),
});

describeWithControl('A canary on a node that goes', control => {
  let engine: EngineWorld;
  let first: string;

  const nodeRef = { apiVersion: 'v1', kind: 'Node', name: NODE };

  async function cordon(unschedulable: boolean) {
    await engine.world.client.patch(
      nodeRef,
      { spec: { unschedulable } },
      { fieldManager: 'kubectl' },
      quiet,
    );
  }

  async function isReady(): Promise<boolean> {
    const node:
      | (KubeObject & {
          status?: { conditions?: Array<{ type: string; status: string }> };
        })
      | undefined = await engine.world.client.get(nodeRef, quiet);
    return (node?.status?.conditions ?? []).some(
      ({ type, status }) => type === 'Ready' && status === 'True',
    );
  }

  async function podsThere(): Promise<KubeObject[]> {
    const pods: Pod[] = await objectsOf(engine, 'v1', 'Pod');
    return pods.filter(({ spec }) => spec?.nodeName === NODE);
  }

  beforeAll(async () => {
    engine = await openEngineWorld({
      progressDeadline: '3m',
      // Each of the two has instances on both nodes.
      steps: '[{ weight: 50% }, { pause: {} }, { weight: 100% }]',
      manifests: name => ({
        replicas: 4,
        minAvailable: 2,
        podSpec: podSpec(name),
      }),
    });
    first = await bringFirst(engine);
  });
  afterEach(async () => {
    await cordon(false);
    await control.restore();
    await poll(
      'the node is there again',
      async () => {
        // A kubelet whose runtime does not answer yet ends, for good.
        await control.start('kubelet2');
        return await isReady();
      },
      PATIENCE_MS,
    );
  });
  afterAll(() => engine?.close());

  /** As `kubectl drain` does. */
  async function drain() {
    const { client, namespace } = engine.world;
    await cordon(true);
    const leaving = await podsThere();
    expect(leaving.length).toBeGreaterThan(0);
    for (const { metadata } of leaving) {
      await poll(
        `${metadata.name} may go`,
        async () => {
          try {
            await client.raw(
              {
                method: 'POST',
                path: `/api/v1/namespaces/${namespace}/pods/${metadata.name}/eviction`,
                body: {
                  apiVersion: 'policy/v1',
                  kind: 'Eviction',
                  metadata: { name: metadata.name, namespace },
                },
              },
              quiet,
            );
            return true;
          } catch (error) {
            if (isStatus(error, 429) || isStatus(error, 404)) {
              return isStatus(error, 404);
            }
            throw error;
          }
        },
        PATIENCE_MS,
      );
    }
    await poll(
      'the node is empty',
      async () => (await podsThere()).length === 0,
      PATIENCE_MS,
    );
  }

  /** What happened to its instances is told with the deployment that brought them. */
  async function told(
    wanted: string,
    pattern: RegExp,
    ids: string[],
  ): Promise<string[]> {
    return await poll(
      `${wanted} is told`,
      async () => {
        const details = await Promise.all(ids.map(engine.detail));
        const messages = details
          .flatMap(({ events }) => events)
          .filter(
            ({ type, message }) => type === wanted && pattern.test(message),
          )
          .map(({ message }) => message);
        return messages.length > 0 && messages;
      },
      PATIENCE_MS,
    );
  }

  it('loses no request when the node is drained, tells who was evicted, and goes on elsewhere', async () => {
    const id = await pausedCanary(engine, 'after-drain');
    const load = engine.load();
    await drain();
    const evictions = await told(
      'instance-evicted',
      /was evicted, as its node is being drained/,
      [first, id],
    );
    expect(new Set(evictions).size).toBe(evictions.length);
    await told('node-cordoned', /node2 takes no new pods/, [first, id]);
    expect(await engine.command(id, 'promote')).toMatchObject({
      accepted: true,
    });
    const end = await engine.ended(id);
    expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
    expectNothingTwice(end);
    await expectServed(load, 'after-drain', end);
    first = id;
  });

  it('goes on elsewhere when the node dies, and says why its instances went', async () => {
    const id = await pausedCanary(engine, 'after-death');
    expect((await podsThere()).length).toBeGreaterThan(0);
    const load = engine.load();
    await control.kill('kubelet2');
    await control.kill('containerd2');
    await poll(
      'it is seen that the node is gone',
      async () => !(await isReady()),
      PATIENCE_MS,
    );
    await told('node-lost', /node2 does not answer any more; /, [first, id]);
    await told(
      'instance-evicted',
      /was taken off its node|as its node is gone/,
      [first, id],
    );
    expect(await engine.command(id, 'promote')).toMatchObject({
      accepted: true,
    });
    const end = await engine.ended(id);
    expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
    expectNothingTwice(end);
    await expectServed(load, 'after-death', end);
  });
});
