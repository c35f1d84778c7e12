import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  coreServices,
  createServiceFactory,
} from '@backstage/backend-plugin-api';
import {
  mockServices,
  startTestBackend,
  TestBackend,
} from '@backstage/backend-test-utils';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
// The whole plugin, to prove that it drives a cluster.
// eslint-disable-next-line @backstage/no-mixed-plugin-imports
import deliveryPlugin from '@slipway/backstage-plugin-delivery-backend';
import {
  Deployment,
  Release,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import kubernetesModule from '.';
import {
  describeOnCluster,
  openTestCluster,
  TestCluster,
  testManifests,
  TestRepository,
  testReleaseModule,
} from './testing';
import { TestServiceOptions } from './testing/service';

jest.setTimeout(600_000);

const ENVIRONMENT = 'production';
const PATIENCE_MS = 180_000;

function definition(name: string): string {
  return `
apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images:
  - { name: app, repository: slipway-test/${name}, build: { context: . } }
defaults: { manifests: { plain: deploy.yaml }, progressDeadline: 45s }
environments:
  - ref: ${ENVIRONMENT}
    deploy: manual
    strategy:
      canary:
        steps: [{ weight: 25% }, { pause: {} }, { weight: 100% }]
        scaleDownDelay: 0s
`;
}

describeOnCluster('The engine on a real cluster', () => {
  let world: TestCluster;
  let backend: TestBackend;
  let workDirectory: string;
  let target: TargetRef;
  const repository = new TestRepository();

  beforeAll(async () => {
    world = await openTestCluster();
    workDirectory = await mkdtemp(join(tmpdir(), 'slipway-engine-'));
    target = { ...world.newTarget(), environment: ENVIRONMENT };
    const scheduler = mockServices.scheduler();
    backend = await startTestBackend({
      features: [
        deliveryPlugin,
        kubernetesModule,
        testReleaseModule({ repository, registry: world.registry }),
        createServiceFactory({
          service: coreServices.scheduler,
          deps: {},
          factory: () => scheduler,
        }),
        catalogServiceMock.factory({
          entities: [
            {
              apiVersion: 'backstage.io/v1alpha1',
              kind: 'Component',
              metadata: {
                name: target.service.split('/')[1],
                namespace: 'default',
                annotations: {
                  'slipway.dev/definition': 'delivery.yaml',
                  'slipway.dev/repository': 'test:shop',
                },
              },
              spec: { type: 'service', owner: 'shop', system: 'storefront' },
              relations: [
                { type: 'ownedBy', targetRef: 'group:default/shop' },
                { type: 'partOf', targetRef: 'system:default/storefront' },
              ],
            },
          ],
        }),
        mockServices.rootConfig.factory({
          data: {
            backend: { baseUrl: 'http://localhost:7007' },
            kubernetes: {
              clusterLocatorMethods: [
                {
                  type: 'config',
                  clusters: [
                    {
                      name: 'test',
                      authProvider: 'serviceAccount',
                      ...world.settings,
                    },
                  ],
                },
              ],
            },
            delivery: {
              workDirectory,
              permissions: { allowDisabled: true },
              environments: [
                {
                  name: ENVIRONMENT,
                  tier: 'production',
                  connection: { type: 'kubernetes', name: 'test' },
                },
              ],
              kubernetes: {
                environments: [
                  {
                    environment: ENVIRONMENT,
                    namespaces: [
                      { system: 'storefront', namespace: world.namespace },
                    ],
                  },
                ],
              },
            },
          },
        }),
      ],
    });
    await scheduler.triggerTask('delivery-service-sync');
  });
  afterAll(async () => {
    await backend?.stop();
    await world?.close();
    await rm(workDirectory, { recursive: true, force: true });
  });

  async function api<T>(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
  ): Promise<T> {
    const response = await fetch(
      `http://127.0.0.1:${backend.server.port()}/api/delivery/v1/${path}`,
      {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      },
    );
    const answer = await response.json();
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    }
    return answer;
  }

  async function release(service: TestServiceOptions): Promise<Release> {
    const name = world.nameOf(target);
    const gateway = { name: 'slipway', namespace: 'gateway' };
    const hostname = world.hostnameOf(target);
    repository.commit(service, {
      'delivery.yaml': definition(name),
      'deploy.yaml': testManifests({
        name,
        replicas: 2,
        config: { GREETING: `hello from ${service.version}` },
        ...(world.gatewayUrl && { route: { hostname, gateway } }),
      }),
    });
    const path = `services/${target.service.replace(':', '/')}/releases`;
    const { id } = await api<{ id: string }>('POST', path, { commit: 'main' });
    return poll(
      `release ${service.version} is ready`,
      async () => {
        const answer = await api<{ release: Release }>('GET', `releases/${id}`);
        return answer.release.finishedAtMs !== undefined && answer.release;
      },
      PATIENCE_MS,
    );
  }

  async function deploy(releaseId: string): Promise<string> {
    const { id } = await api<{ id: string }>('POST', 'deployments', {
      ...target,
      releaseId,
    });
    return id;
  }

  function until(
    id: string,
    what: string,
    is: (deployment: Deployment) => boolean,
  ): Promise<Deployment> {
    return poll(
      what,
      async () => {
        const { deployment } = await api<{ deployment: Deployment }>(
          'GET',
          `deployments/${id}`,
        );
        if (deployment.finishedAtMs && !is(deployment)) {
          return deployment;
        }
        return is(deployment) && deployment;
      },
      PATIENCE_MS,
    );
  }

  const ended = (id: string) =>
    until(id, 'the deployment ends', ({ finishedAtMs }) => !!finishedAtMs);

  /** Who answers a number of requests, sent one after the other. */
  async function answers(count: number): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (let n = 0; n < count; n += 1) {
      const { status, version = `status ${status}` } = await world.request(
        target,
      );
      counts[version] = (counts[version] ?? 0) + 1;
    }
    return counts;
  }

  it('brings the first release up, canaries the next by the route, and rolls a bad one back', async () => {
    // Tells the harness that this target is asked through its route.
    await world.plan(target, { version: 'unused' });

    const first = await release({ version: 'one' });
    expect(first).toMatchObject({ status: 'ready' });
    expect(await ended(await deploy(first.id))).toMatchObject({
      outcome: 'succeeded',
    });
    expect(await answers(20)).toEqual({ one: 20 });

    const second = await release({ version: 'two' });
    const canary = await deploy(second.id);
    expect(
      await until(canary, 'the canary waits', d => d.status === 'paused'),
    ).toMatchObject({ status: 'paused' });
    const shared = await answers(100);
    expect(Object.keys(shared).sort()).toEqual(['one', 'two']);
    expect(shared.two).toBeGreaterThan(10);
    expect(shared.two).toBeLessThan(45);
    await api('POST', `deployments/${canary}/commands`, {
      verb: 'promote',
      reason: 'it answers',
    });
    expect(await ended(canary)).toMatchObject({ outcome: 'succeeded' });
    expect(await answers(20)).toEqual({ two: 20 });

    const third = await release({ version: 'three', behaviour: 'crashing' });
    const bad = await ended(await deploy(third.id));
    expect(bad).toMatchObject({ outcome: 'rolled-back' });
    expect(await answers(20)).toEqual({ two: 20 });
    // What was tried is gone, and what serves was never touched.
    const left = await poll('only the stable generation is left', async () => {
      const { items } = await world.client.list(
        { apiVersion: 'apps/v1', kind: 'Deployment' },
        { namespace: world.namespace },
        new AbortController().signal,
      );
      return items.length === 1 && items;
    });
    expect(JSON.stringify(left[0].spec)).toContain(second.images[0].digest);
  });
});
