import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  coreServices,
  createServiceFactory,
} from '@backstage/backend-plugin-api';
import {
  mockCredentials,
  mockServices,
  startTestBackend,
} from '@backstage/backend-test-utils';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import { Deployment, Release } from '@slipway/backstage-plugin-delivery-common';
import request from 'supertest';
import { FakeWorld } from './engine/testing/fakeWorld';
import deliveryPlugin from './index';
import { MemoryRepository, memoryModule } from './__testUtils__/memoryPorts';
import {
  MemoryRegistry,
  startMemoryRegistry,
} from './__testUtils__/memoryRegistry';

jest.setTimeout(180_000);

const CHECKOUT = 'component:default/checkout';
const SERVICE = '/api/delivery/v1/services/component/default/checkout';

const DEFINITION = `
apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images:
  - { name: app, repository: storefront/checkout, build: { context: . } }
defaults: { manifests: { plain: deploy.yaml }, progressDeadline: 1m }
environments:
  - { ref: staging, deploy: automatic, strategy: { rolling: {} } }
  - ref: production
    deploy: manual
    strategy:
      canary:
        steps: [{ weight: 10% }, { pause: {} }, { weight: 100% }]
`;

const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: checkout }
spec:
  replicas: 2
  selector: { matchLabels: { app: checkout } }
  template:
    metadata: { labels: { app: checkout } }
    spec: { containers: [{ name: app, image: app }] }
`;

const COMPONENT = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: {
    name: 'checkout',
    namespace: 'default',
    annotations: {
      'slipway.dev/definition': 'delivery.yaml',
      'slipway.dev/repository': 'memory:shop',
    },
  },
  spec: {
    type: 'service',
    lifecycle: 'production',
    owner: 'group:default/shop',
  },
  relations: [{ type: 'ownedBy', targetRef: 'group:default/shop' }],
};

const ENVIRONMENTS = ['staging', 'production'].map(name => ({
  name,
  title: name,
  tier: name,
  connection: { type: 'memory', name: 'default' },
}));

async function eventually<T>(
  what: string,
  read: () => Promise<T | undefined>,
): Promise<T> {
  const deadlineMs = Date.now() + 90_000;
  for (;;) {
    const value = await read();
    if (value !== undefined) {
      return value;
    }
    if (Date.now() > deadlineMs) {
      throw new Error(`${what} did not happen in time`);
    }
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

describe('the delivery plugin', () => {
  let registry: MemoryRegistry;
  let workDirectory: string;

  beforeEach(async () => {
    registry = await startMemoryRegistry();
    workDirectory = await mkdtemp(join(tmpdir(), 'slipway-plugin-test-'));
  });
  afterEach(async () => {
    await registry.close();
    await rm(workDirectory, { recursive: true, force: true });
  });

  async function start(options: {
    config?: object;
    features?: Parameters<typeof startTestBackend>[0]['features'];
  }) {
    const scheduler = mockServices.scheduler();
    const backend = await startTestBackend({
      features: [
        deliveryPlugin,
        createServiceFactory({
          service: coreServices.scheduler,
          deps: {},
          factory: () => scheduler,
        }),
        catalogServiceMock.factory({ entities: [COMPONENT] }),
        mockServices.rootConfig.factory({
          data: {
            backend: { baseUrl: 'http://localhost:7007' },
            delivery: {
              workDirectory,
              api: { validateResponses: true },
              ...options.config,
            },
          },
        }),
        ...(options.features ?? []),
      ],
    });
    // The scheduler of tests waits for us instead of the clock.
    await scheduler.triggerTask('delivery-service-sync');
    return backend;
  }

  it('takes a commit to staging on its own and to production by people, through the API', async () => {
    const repository = new MemoryRepository();
    const files = { 'delivery.yaml': DEFINITION, 'deploy.yaml': MANIFEST };
    repository.commit('First', files);
    const world = new FakeWorld(Date.now, { readyAfterMs: 20 });
    const backend = await start({
      config: {
        permissions: { allowDisabled: true },
        environments: ENVIRONMENTS,
        machines: [
          {
            subject: 'external:ci',
            services: [CHECKOUT],
            environments: ['staging'],
            verbs: ['read', 'release'],
          },
        ],
      },
      features: [
        memoryModule({
          repository,
          registry: { url: registry.url, host: registry.host },
          connection: async () => world.connection(),
        }),
      ],
    });
    const get = (path: string) => request(backend.server).get(path);

    const services = await get('/api/delivery/v1/services').expect(200);
    expect(services.body.items).toMatchObject([
      { ref: CHECKOUT, owner: 'group:default/shop' },
    ]);
    const created = await request(backend.server)
      .post(`${SERVICE}/releases`)
      .send({ commit: 'main', reason: 'first one' })
      .expect(201);
    const release = await eventually<Release>('The release', async () => {
      const { body } = await get(
        `/api/delivery/v1/releases/${created.body.id}`,
      ).expect(200);
      const status = body.release.status;
      if (['failed', 'errored', 'blocked', 'cancelled'].includes(status)) {
        throw new Error(JSON.stringify(body.release));
      }
      return status === 'ready' ? body.release : undefined;
    });
    expect(
      [...registry.manifests.keys()].some(key =>
        key.endsWith(release.images[0].digest),
      ),
    ).toBe(true);
    const findings = await get(
      `/api/delivery/v1/releases/${release.id}/findings`,
    ).expect(200);
    expect(findings.body).toEqual({
      findings: [],
      notCovered: [expect.stringContaining('operating system packages')],
    });

    const finished = (id: string) =>
      eventually<Deployment>('The deployment', async () => {
        const { body } = await get(`/api/delivery/v1/deployments/${id}`).expect(
          200,
        );
        return body.deployment.finishedAtMs ? body.deployment : undefined;
      });
    const automatic = await eventually<Deployment>(
      'The automatic deployment',
      async () => {
        const { body } = await get(
          '/api/delivery/v1/deployments?environment=staging',
        ).expect(200);
        return body.items[0];
      },
    );
    expect(automatic).toMatchObject({ createdBy: { type: 'plugin' } });
    expect(await finished(automatic.id)).toMatchObject({
      outcome: 'succeeded',
    });

    // Production has nothing stable yet: its first deployment has no canary.
    const deploy = async (releaseId: string) => {
      const { body } = await request(backend.server)
        .post('/api/delivery/v1/deployments')
        .send({ service: CHECKOUT, environment: 'production', releaseId })
        .expect(201);
      return body.id;
    };
    expect(await finished(await deploy(release.id))).toMatchObject({
      outcome: 'succeeded',
    });

    // A machine may release, and only that.
    repository.commit('Second', files);
    const ci = mockCredentials.service.header({
      onBehalfOf: mockCredentials.service('external:ci'),
      targetPluginId: 'delivery',
    });
    const byMachine = await request(backend.server)
      .post(`${SERVICE}/releases`)
      .set('authorization', ci)
      .send({ commit: 'main' })
      .expect(201);
    await request(backend.server)
      .post('/api/delivery/v1/deployments')
      .set('authorization', ci)
      .send({
        service: CHECKOUT,
        environment: 'staging',
        releaseId: byMachine.body.id,
      })
      .expect(403);
    await eventually('The second release', async () => {
      const { body } = await get(
        `/api/delivery/v1/releases/${byMachine.body.id}`,
      );
      return body.release.status === 'ready' ? true : undefined;
    });

    // The canary waits for a person, who promotes it.
    const second = await deploy(byMachine.body.id);
    await eventually('The pause', async () => {
      const { body } = await get(`/api/delivery/v1/deployments/${second}`);
      return body.deployment.status === 'paused' ? true : undefined;
    });
    const overview = await get(`${SERVICE}/overview`).expect(200);
    const production = overview.body.targets[1];
    expect(production).toMatchObject({
      environment: { name: 'production' },
      active: { id: second },
      verbs: { promote: { allowed: true }, resume: { allowed: true } },
      traffic: { known: { accepted: expect.any(Array) } },
    });
    expect(production.traffic.known.accepted).toContainEqual(
      expect.objectContaining({ percent: 10 }),
    );
    const answer = await request(backend.server)
      .post(`/api/delivery/v1/deployments/${second}/commands`)
      .send({ verb: 'promote', reason: 'looks good' });
    expect(answer.body).toMatchObject({ accepted: true });
    expect(await finished(second)).toMatchObject({ outcome: 'succeeded' });
    expect(world.violations).toEqual([]);

    // Back to the first one.
    const rollback = await request(backend.server)
      .post('/api/delivery/v1/deployments')
      .send({
        service: CHECKOUT,
        environment: 'production',
        releaseId: release.id,
        kind: 'rollback',
        reason: 'customers complain',
      })
      .expect(201);
    expect(await finished(rollback.body.id)).toMatchObject({
      kind: 'rollback',
      outcome: 'succeeded',
    });
    await backend.stop();
  });

  it('starts without any configuration, and answers empty lists', async () => {
    const backend = await start({});
    for (const path of ['releases', 'deployments', 'targets']) {
      const answer = await request(backend.server)
        .get(`/api/delivery/v1/${path}`)
        .expect(200);
      expect(answer.body).toEqual({ items: [] });
    }
    const refused = await request(backend.server)
      .get(`${SERVICE}/commits`)
      .expect(501);
    expect(refused.body.error.message).toContain('a source fetcher');
    const { body } = await request(backend.server).get(
      '/api/delivery/v1/environments',
    );
    expect(body).toEqual({ items: [] });
    await backend.stop();
  });

  it('names the setting when no module makes such connections', async () => {
    await expect(
      start({ config: { environments: ENVIRONMENTS } }),
    ).rejects.toThrow(
      /No module makes connections of the type "memory" \(delivery\.environments\[0\]/,
    );
  });

  it('serves the rest while a connection does not start, and says why', async () => {
    const repository = new MemoryRepository();
    repository.commit('First', { 'delivery.yaml': DEFINITION });
    const world = new FakeWorld(Date.now);
    const backend = await start({
      config: {
        environments: [
          ENVIRONMENTS[0],
          {
            ...ENVIRONMENTS[1],
            connection: { type: 'memory', name: 'broken' },
          },
        ],
      },
      features: [
        memoryModule({
          repository,
          registry: { url: registry.url, host: registry.host },
          connection: async name => {
            if (name === 'broken') {
              throw new Error('no route to the cluster');
            }
            return world.connection();
          },
        }),
      ],
    });
    const targets = await eventually<any[]>('The targets', async () => {
      const { body } = await request(backend.server).get(`${SERVICE}/overview`);
      return body.targets?.length === 2 ? body.targets : undefined;
    });
    expect(targets[0].traffic.known).toBeDefined();
    expect(targets[1].traffic.unknown).toContain('no route to the cluster');
    expect(targets[1].environment.notices[0]).toContain(
      'no route to the cluster',
    );
    // Permissions are off and that is not allowed here: nobody may write.
    const refused = await request(backend.server)
      .post(`${SERVICE}/releases`)
      .send({ commit: 'main' })
      .expect(403);
    expect(refused.body.error.message).toContain('allowDisabled');
    await backend.stop();
  });
});
