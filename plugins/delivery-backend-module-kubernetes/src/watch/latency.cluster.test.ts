import { mockServices } from '@backstage/backend-test-utils';
import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { TARGET_ANNOTATION, TARGET_LABEL, targetLabel } from '../names';
import { describeOnCluster, openTestCluster, TestCluster } from '../testing';
import { createClusterWatch } from './clusterWatch';
import { createLiveSource } from './liveSource';

jest.setTimeout(180_000);

const quiet = new AbortController().signal;
const CHANGES = 60;

describeOnCluster('A change on a real cluster', () => {
  let world: TestCluster;
  const ended = new AbortController();

  beforeAll(async () => {
    world = await openTestCluster();
  });

  afterAll(async () => {
    ended.abort();
    await world?.close();
  });

  it('is told once, in the order of the changes, and how fast is written to the output', async () => {
    const { client, namespace } = world;
    const target = world.newTarget();
    const labels = { [TARGET_LABEL]: targetLabel(target) };
    const annotations = { [TARGET_ANNOTATION]: stringifyTarget(target) };
    const container = { name: 'app', image: 'nobody.example.com/none:1' };
    const by = { fieldManager: 'slipway-test' };
    await client.create(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'quick', namespace, labels, annotations },
        spec: {
          replicas: 0,
          selector: { matchLabels: { app: 'quick' } },
          template: {
            metadata: { labels: { app: 'quick' } },
            spec: { containers: [container] },
          },
        },
      },
      by,
      quiet,
    );
    // No scheduler takes it, so that its status is ours to write.
    const pod = { apiVersion: 'v1', kind: 'Pod', name: 'quick', namespace };
    await client.create(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'quick', namespace, labels },
        spec: { schedulerName: 'nobody', containers: [container] },
      },
      by,
      quiet,
    );

    const logger = mockServices.logger.mock();
    const watch = createClusterWatch({ cluster: world.cluster, logger });
    const heardAtMs = new Map<string, number>();
    createLiveSource({ cluster: world.cluster, watch, logger }).watch(
      (of, state) => {
        if (
          stringifyTarget(of) === stringifyTarget(target) &&
          'known' in state
        ) {
          const address = state.known[0]?.address ?? 'none';
          if (!heardAtMs.has(address)) {
            heardAtMs.set(address, performance.now());
          }
        }
      },
      ended.signal,
    );
    await poll('the pod is seen', async () => heardAtMs.has('none'));

    const delays: number[] = [];
    for (let n = 1; n <= CHANGES; n += 1) {
      const address = `192.0.2.${n}`;
      await client.patch(
        pod,
        { status: { podIP: address, podIPs: [{ ip: address }] } },
        { ...by, subresource: 'status' },
        quiet,
      );
      const writtenAtMs = performance.now();
      delays.push(
        await poll('the change', async () => {
          const atMs = heardAtMs.get(address);
          return atMs === undefined ? undefined : atMs - writtenAtMs;
        }),
      );
    }
    expect([...heardAtMs.keys()].slice(1)).toEqual(
      Array.from({ length: CHANGES }, (_, n) => `192.0.2.${n + 1}`),
    );
    const sorted = delays.sort((a, b) => a - b);
    const at = (share: number) =>
      Math.round(sorted[Math.floor((sorted.length - 1) * share)]);
    process.stdout.write(
      `From the API server's answer to our callback: p50 ${at(
        0.5,
      )} ms, p95 ${at(0.95)} ms, most ${at(1)} ms (${CHANGES} changes)\n`,
    );
  });
});
