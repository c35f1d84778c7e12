import { createServer } from 'node:http';
import { AddressInfo } from 'node:net';
import { TestDatabases, mockCredentials } from '@backstage/backend-test-utils';
import { PermissionsService } from '@backstage/backend-plugin-api';
import {
  AuthorizeResult,
  PolicyDecision,
} from '@backstage/plugin-permission-common';
import {
  ChangeEvent,
  DeliveryClient,
  RESOURCE_TYPE_DELIVERY_SERVICE,
  RESOURCE_TYPE_DELIVERY_TARGET,
} from '@slipway/backstage-plugin-delivery-common';
import request from 'supertest';
import {
  deliveryServiceConditions,
  deliveryTargetConditions,
} from './auth/conditions';
import {
  BILLING,
  CHECKOUT,
  TestApi,
  TestApiOptions,
  createTestApi,
  deploymentRow,
  releaseRow,
} from './__testUtils__/testApi';

jest.setTimeout(120_000);

const databases = TestDatabases.create({ ids: ['SQLITE_3'] });
const opened: TestApi[] = [];

async function openApi(options: Omit<TestApiOptions, 'knex'> = {}) {
  const api = await createTestApi({
    knex: await databases.init('SQLITE_3'),
    ...options,
  });
  opened.push(api);
  return api;
}

afterEach(() => {
  for (const api of opened.splice(0)) {
    api.stop();
  }
});

const SERVICE = '/v1/services/component/default/checkout';

/** A policy: by permission name, everything else is allowed. */
function policy(decisions: Record<string, PolicyDecision>): PermissionsService {
  const decide = (name: string): PolicyDecision =>
    decisions[name] ?? { result: AuthorizeResult.ALLOW };
  return {
    authorize: async () => {
      throw new Error('Decisions are asked for conditionally');
    },
    authorizeConditional: async requests =>
      requests.map(({ permission }) => decide(permission.name)),
  };
}

const DENY: PolicyDecision = { result: AuthorizeResult.DENY };

function machine(subject: string) {
  return mockCredentials.service.header({
    onBehalfOf: mockCredentials.service(subject),
    targetPluginId: 'delivery',
  });
}

describe('the API from a release to its deployment', () => {
  it('makes a release, answers its parts, and never its insides', async () => {
    const { app, store, audited } = await openApi();
    const created = await request(app)
      .post(`${SERVICE}/releases`)
      .send({ commit: 'main', reason: 'the fix' })
      .expect(201);
    expect(created.body).toMatchObject({
      id: 'release-main',
      service: CHECKOUT,
      createdBy: { type: 'user', ref: 'user:default/mock' },
    });
    expect(created.body.checkpoint).toBeUndefined();
    expect(audited).toEqual([
      {
        eventId: 'release-create',
        outcome: 'success',
        meta: expect.objectContaining({
          verb: 'release',
          subject: CHECKOUT,
          actor: 'user:default/mock',
          reason: 'the fix',
        }),
      },
    ]);

    await store.releases.appendLog('release-main', 'build', [
      { atMs: 1, text: 'one' },
      { atMs: 2, text: 'two' },
    ]);
    const detail = await request(app)
      .get('/v1/releases/release-main')
      .expect(200);
    expect(detail.body.release.checkpoint).toBeUndefined();
    expect(detail.body.verbs.cancel).toEqual({ allowed: true });
    expect(detail.body.verbs.retry).toEqual({
      allowed: false,
      reason: expect.stringContaining('this one is queued'),
    });
    const logs = await request(app)
      .get('/v1/releases/release-main/logs?stage=build&limit=1')
      .expect(200);
    expect(logs.body.lines).toEqual([{ atMs: 1, text: 'one' }]);
    const rest = await request(app)
      .get(
        `/v1/releases/release-main/logs?stage=build&after=${logs.body.nextOffset}`,
      )
      .expect(200);
    expect(rest.body).toMatchObject({
      lines: [{ atMs: 2, text: 'two' }],
      ended: false,
    });
    await request(app).get('/v1/releases/release-main/findings').expect(404);
    await request(app).get('/v1/releases/none').expect(404);
  });

  it('shows findings and SBOM from the kept blobs', async () => {
    const { app, store } = await openApi();
    const sbom = Buffer.from('{"bomFormat":"CycloneDX"}');
    await store.releases.create(
      releaseRow({
        id: 'r1',
        findingsBlob: await store.blobs.put(
          Buffer.from(
            JSON.stringify({ findings: [], notCovered: ['native code'] }),
          ),
        ),
        sbomBlobs: { app: await store.blobs.put(sbom) },
      }),
    );
    const findings = await request(app)
      .get('/v1/releases/r1/findings')
      .expect(200);
    expect(findings.body).toEqual({
      findings: [],
      notCovered: ['native code'],
    });
    const bom = await request(app)
      .get('/v1/releases/r1/sbom?image=app')
      .expect(200);
    expect(bom.type).toBe('application/vnd.cyclonedx+json');
    await request(app).get('/v1/releases/r1/sbom?image=other').expect(404);
  });

  it('asks the engine for a deployment, and answers verbs when it does', async () => {
    const { app, store, poked } = await openApi();
    await store.releases.create(releaseRow({ id: 'r1', status: 'ready' }));
    const created = await request(app)
      .post('/v1/deployments')
      .send({ service: CHECKOUT, environment: 'staging', releaseId: 'r1' })
      .expect(201);
    const { id } = created.body;
    const detail = await request(app).get(`/v1/deployments/${id}`).expect(200);
    expect(detail.body).toMatchObject({
      deployment: { id, status: 'queued', cause: 'manual' },
      release: { id: 'r1' },
      verbs: {
        cancel: { allowed: true },
        pause: { allowed: false, reason: expect.stringContaining('started') },
      },
    });

    // The engine answers while the request waits.
    const command = request(app)
      .post(`/v1/deployments/${id}/commands`)
      .send({ verb: 'cancel', reason: 'not today', idempotencyKey: 'k1' })
      .then(response => response);
    const deadlineMs = Date.now() + 20_000;
    while (poked.length === 0 && Date.now() < deadlineMs) {
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    const [pending] = await store.commands.pending([id]);
    expect(pending).toMatchObject({ verb: 'cancel', reason: 'not today' });
    await store.transaction(tx =>
      store.commands.answer(
        [{ commandId: pending.id, accepted: true, message: 'cancelled' }],
        tx,
      ),
    );
    const first = await command;
    // The answer may come just after the wait on a slow machine; the same key
    // then asks for the same command.
    expect([200, 202]).toContain(first.status);
    const again = await request(app)
      .post(`/v1/deployments/${id}/commands`)
      .send({ verb: 'cancel', reason: 'not today', idempotencyKey: 'k1' })
      .expect(200);
    expect(again.body).toMatchObject({
      commandId: pending.id,
      accepted: true,
      message: 'cancelled',
    });
  });

  it('says so when the engine does not answer in time', async () => {
    const { app } = await openApi();
    const answer = await request(app)
      .post(`${SERVICE}/environments/production/commands`)
      .send({ verb: 'hold', reason: 'freeze' })
      .expect(202);
    expect(answer.body).toMatchObject({ accepted: true, pending: true });
  });

  it('answers the whole tab at once, and one failing connection spoils only its own values', async () => {
    const { app, connection, store } = await openApi();
    connection.setInstances(
      { service: CHECKOUT, environment: 'staging' },
      {
        known: [
          {
            id: 'i1',
            generation: 'g1',
            phase: 'running',
            ready: true,
            restarts: 0,
          },
        ],
        observedAtMs: 5,
        reflects: 1,
      },
    );
    connection.setInstances(
      { service: CHECKOUT, environment: 'production' },
      { unknown: 'the cluster does not answer', sinceMs: 7 },
    );
    await store.deployments.create(deploymentRow({ id: 'd1' }));
    connection.failure = new Error('connection refused');
    const { body } = await request(app).get(`${SERVICE}/overview`).expect(200);
    expect(
      body.targets.map(
        (t: { environment: { name: string } }) => t.environment.name,
      ),
    ).toEqual(['staging', 'production']);
    const [staging, production] = body.targets;
    expect(staging.workloads.known.generations[0]).toMatchObject({
      generation: 'g1',
      ready: 1,
    });
    expect(staging.traffic.unknown).toBe('connection refused');
    expect(staging.queued).toMatchObject([{ id: 'd1' }]);
    expect(staging.environment.notices).toEqual(['isolates nothing']);
    expect(staging.verbs).toMatchObject({
      deploy: { allowed: true },
      rollback: { allowed: false, reason: expect.stringContaining('earlier') },
      'release-hold': { allowed: false, reason: 'There is no hold' },
    });
    expect(production.workloads.unknown).toBe('connection refused');
  });

  it('asks the world once, whatever number of people look', async () => {
    const { app, connection } = await openApi();
    connection.setInstances(
      { service: CHECKOUT, environment: 'staging' },
      { known: [], observedAtMs: 1, reflects: 0 },
    );
    connection.setInstances(
      { service: CHECKOUT, environment: 'production' },
      { known: [], observedAtMs: 1, reflects: 0 },
    );
    await Promise.all(
      Array.from({ length: 10 }, () =>
        request(app).get(`${SERVICE}/overview`).expect(200),
      ),
    );
    // Traffic and operations of two environments; again when a second passed.
    expect(connection.asked % 4).toBe(0);
    expect(connection.asked).toBeLessThan(40);
    const before = connection.asked;
    await request(app).get('/v1/targets').expect(200);
    expect(connection.asked).toBe(before);
  });

  it('lists what waits for a person', async () => {
    const { app, store } = await openApi();
    await store.targets.setHold(
      { service: BILLING, environment: 'production' },
      {
        by: { type: 'plugin', ref: 'plugin:delivery' },
        sinceMs: 1,
        reason: 'rolled back',
      },
    );
    await store.deployments.create(
      deploymentRow({ id: 'd1', status: 'errored' }),
    );
    await store.deployments.create(
      deploymentRow({ id: 'd2', environment: 'production' }),
    );
    const { body } = await request(app)
      .get('/v1/targets?attention=true')
      .expect(200);
    expect(body.items.map((item: { service: string }) => item.service)).toEqual(
      [BILLING, CHECKOUT],
    );
    const all = await request(app).get('/v1/targets').expect(200);
    expect(all.body.items).toHaveLength(4);
  });

  it('runs an operation of the connection, and reads its logs', async () => {
    const { app, connection } = await openApi();
    const path = `${SERVICE}/environments/staging`;
    const answer = await request(app)
      .post(`${path}/operations/traffic`)
      .send({ args: { on: true } })
      .expect(200);
    expect(answer.body).toMatchObject({
      accepted: true,
      message: 'traffic is on',
    });
    await request(app).post(`${path}/operations/other`).send({}).expect(404);
    connection.lines = [{ atMs: 1, text: 'hello' }];
    const logs = await request(app).get(`${path}/logs`).expect(200);
    expect(logs.body).toMatchObject({
      lines: [{ text: 'hello' }],
      nextOffset: '1',
    });
    const commits = await request(app).get(`${SERVICE}/commits`).expect(200);
    expect(commits.body.items).toHaveLength(1);
    await request(app).get('/v1/environments').expect(200);
    await request(app).get('/v1/schema/delivery.json').expect(200);
    const document = await request(app).get('/openapi.json').expect(200);
    expect(document.body.openapi).toBe('3.1.0');
  });
});

describe('bad input gets a 400 that names the field', () => {
  let app: TestApi['app'];
  let shared: TestApi;
  beforeAll(async () => {
    shared = await createTestApi({ knex: await databases.init('SQLITE_3') });
    app = shared.app;
  });
  afterAll(() => shared.stop());

  it.each([
    ['post', `${SERVICE}/releases`, {}, /commit/],
    ['post', `${SERVICE}/releases`, { commit: 'x', extra: 1 }, /additional/],
    ['post', `${SERVICE}/releases`, { commit: 7 }, /commit/],
    [
      'post',
      '/v1/deployments',
      { service: 'checkout', environment: 'staging', releaseId: 'r' },
      /service/,
    ],
    ['post', '/v1/deployments/d1/commands', { verb: 'explode' }, /verb/],
    ['get', '/v1/targets?limit=1000', undefined, /limit/],
    ['get', '/v1/targets?nope=1', undefined, /nope/],
    ['get', '/v1/releases/r1/logs', undefined, /stage/],
    ['get', '/v1/releases/r1/logs?stage=brew', undefined, /stage/],
    ['get', '/v1/targets?cursor=%00', undefined, /cursor/i],
  ] as const)('%s %s %j', async (method, path, body, message) => {
    const response = await request(app)[method](path).send(body);
    expect(response.status).toBe(400);
    expect(response.body.error.name).toBe('InputError');
    expect(response.body.error.message).toMatch(message);
  });
});

describe('who may do what', () => {
  it('refuses anonymous callers on every route', async () => {
    const { app } = await openApi();
    const document = (await request(app).get('/openapi.json')).body;
    const anonymous = mockCredentials.none.header();
    await request(app)
      .get('/openapi.json')
      .set('authorization', anonymous)
      .expect(401);
    const bodies: Record<string, object> = {
      createRelease: { commit: 'x' },
      createDeployment: {
        service: CHECKOUT,
        environment: 'staging',
        releaseId: 'r',
      },
      commandRelease: { verb: 'cancel' },
      commandDeployment: { verb: 'cancel' },
      commandTarget: { verb: 'hold' },
      runOperation: {},
    };
    const routes = Object.entries<Record<string, { operationId: string }>>(
      document.paths,
    ).flatMap(([template, operations]) =>
      (['get', 'post'] as const)
        .filter(method => operations[method])
        .map(method => ({
          method,
          body: bodies[operations[method].operationId],
          path: template
            .replace('{kind}/{namespace}/{name}', 'component/default/checkout')
            .replace('{environment}', 'staging')
            .replace(/\{\w+\}/g, 'x')
            .replace('/releases/x/logs', '/releases/x/logs?stage=build'),
        })),
    );
    expect(routes.length).toBeGreaterThan(20);
    for (const { method, path, body } of routes) {
      const response = await request(app)
        [method](path)
        .set('authorization', anonymous)
        .send(body);
      expect({ path, method, status: response.status }).toEqual({
        path,
        method,
        status: 401,
      });
    }
  });

  it('filters lists in SQL by the conditions of the policy', async () => {
    const { app, store } = await openApi({
      permissions: policy({
        'delivery.service.read': {
          result: AuthorizeResult.CONDITIONAL,
          pluginId: 'delivery',
          resourceType: RESOURCE_TYPE_DELIVERY_SERVICE,
          conditions: deliveryServiceConditions.isOwner({
            claims: ['group:default/shop'],
          }),
        },
        'delivery.target.read': {
          result: AuthorizeResult.CONDITIONAL,
          pluginId: 'delivery',
          resourceType: RESOURCE_TYPE_DELIVERY_TARGET,
          conditions: {
            allOf: [
              deliveryTargetConditions.isOwner({
                claims: ['group:default/shop'],
              }),
              {
                not: deliveryTargetConditions.hasTier({
                  tiers: ['production'],
                }),
              },
            ],
          },
        },
      }),
    });
    await store.releases.create(releaseRow({ id: 'r1' }));
    await store.releases.create(releaseRow({ id: 'r2', service: BILLING }));
    await store.deployments.create(deploymentRow({ id: 'd1' }));
    await store.deployments.create(
      deploymentRow({ id: 'd2', environment: 'production' }),
    );
    const ids = async (path: string) =>
      (await request(app).get(path).expect(200)).body.items.map(
        (item: { id?: string; ref?: string }) => item.id ?? item.ref,
      );
    expect(await ids('/v1/services')).toEqual([CHECKOUT]);
    expect(await ids('/v1/releases')).toEqual(['r1']);
    expect(await ids('/v1/deployments')).toEqual(['d1']);
    const targets = await request(app).get('/v1/targets').expect(200);
    expect(targets.body.items).toMatchObject([
      { service: CHECKOUT, environment: { name: 'staging' } },
    ]);
    await request(app).get('/v1/releases/r1').expect(200);
    await request(app).get('/v1/releases/r2').expect(403);
    await request(app).get('/v1/deployments/d2').expect(403);
    const overview = await request(app).get(`${SERVICE}/overview`).expect(200);
    expect(overview.body.targets).toHaveLength(1);
  });

  it('refuses a verb by environment, names the permission, and audits the attempt', async () => {
    const { app, store, audited } = await openApi({
      permissions: policy({
        'delivery.target.deploy': {
          result: AuthorizeResult.CONDITIONAL,
          pluginId: 'delivery',
          resourceType: RESOURCE_TYPE_DELIVERY_TARGET,
          conditions: deliveryTargetConditions.inEnvironment({
            environments: ['staging'],
          }),
        },
        'delivery.target.rollback': DENY,
      }),
    });
    await store.releases.create(releaseRow({ id: 'r1', status: 'ready' }));
    const deploy = (environment: string, kind: string) =>
      request(app)
        .post('/v1/deployments')
        .send({ service: CHECKOUT, environment, releaseId: 'r1', kind });
    await deploy('staging', 'deploy').expect(201);
    const refused = await deploy('production', 'deploy').expect(403);
    expect(refused.body.error).toMatchObject({
      name: 'NotAllowedError',
      message:
        'user:default/mock does not have the permission delivery.target.deploy on component:default/checkout in production',
    });
    await deploy('staging', 'rollback').expect(403);
    expect(audited.map(event => event.outcome)).toEqual([
      'success',
      'NotAllowedError',
      'NotAllowedError',
    ]);
    expect(audited[1].meta).toMatchObject({
      digests: [`sha256:${'b'.repeat(64)}`],
    });
    const overview = await request(app).get(`${SERVICE}/overview`).expect(200);
    const [staging, production] = overview.body.targets;
    expect(staging.verbs.deploy.allowed).toBe(true);
    expect(production.verbs.deploy).toEqual({
      allowed: false,
      reason: expect.stringContaining('delivery.target.deploy'),
    });
  });

  it('shows only what the catalog shows', async () => {
    const { app, store } = await openApi({
      permissions: policy({
        'catalog.entity.read': {
          result: AuthorizeResult.CONDITIONAL,
          pluginId: 'catalog',
          resourceType: 'catalog-entity',
          conditions: { rule: 'ANY', resourceType: 'catalog-entity' },
        },
      }),
      catalogEntities: [BILLING],
    });
    await store.releases.create(releaseRow({ id: 'r1' }));
    const services = await request(app).get('/v1/services').expect(200);
    expect(services.body.items).toMatchObject([{ ref: BILLING }]);
    const refused = await request(app).get('/v1/releases/r1').expect(403);
    expect(refused.body.error.message).toContain('catalog.entity.read');
  });

  it('refuses writes while permissions are off, unless that is allowed', async () => {
    const closed = await openApi({ permissionsEnabled: false });
    const refused = await request(closed.app)
      .post(`${SERVICE}/releases`)
      .send({ commit: 'main' })
      .expect(403);
    expect(refused.body.error.message).toContain(
      'delivery.permissions.allowDisabled',
    );
    await request(closed.app).get('/v1/services').expect(200);
    const open = await openApi({
      permissionsEnabled: false,
      allowDisabled: true,
    });
    await request(open.app)
      .post(`${SERVICE}/releases`)
      .send({ commit: 'main' })
      .expect(201);
  });

  it('lets a machine do what delivery.machines lists, and nothing else', async () => {
    const { app, store } = await openApi({
      machines: [
        {
          subject: 'ci',
          services: [CHECKOUT],
          environments: ['staging'],
          verbs: ['read', 'release', 'deploy'],
        },
      ],
    });
    await store.releases.create(
      releaseRow({ id: 'r2', service: BILLING, status: 'ready' }),
    );
    const ci = machine('external:ci');
    const as = (who: string, test: request.Test) =>
      test.set('authorization', who);
    const released = await as(
      ci,
      request(app).post(`${SERVICE}/releases`).send({ commit: 'main' }),
    ).expect(201);
    expect(released.body.createdBy).toEqual({
      type: 'machine',
      ref: 'external:ci',
    });
    const deploy = (service: string, environment: string, who = ci) =>
      as(
        who,
        request(app)
          .post('/v1/deployments')
          .send({ service, environment, releaseId: 'release-main' }),
      );
    await deploy(CHECKOUT, 'staging').expect(201);
    await deploy(CHECKOUT, 'production').expect(403);
    await deploy(BILLING, 'staging').expect(403);
    const refused = await deploy(
      CHECKOUT,
      'staging',
      machine('external:other'),
    ).expect(403);
    expect(refused.body.error.message).toContain(
      'delivery.machines does not allow external:other the verb "deploy"',
    );
    await as(ci, request(app).get('/v1/releases/r2')).expect(403);
    const list = await as(ci, request(app).get('/v1/targets')).expect(200);
    expect(list.body.items).toHaveLength(1);
    const none = await as(
      machine('plugin:search'),
      request(app).get('/v1/services'),
    ).expect(200);
    expect(none.body.items).toEqual([]);
  });
});

describe('events', () => {
  async function serve(api: TestApi) {
    const server = createServer(api.app);
    await new Promise<void>(resolve => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      client: new DeliveryClient({
        discoveryApi: { getBaseUrl: async () => `http://127.0.0.1:${port}` },
        fetchApi: { fetch: (url, init) => fetch(url, init) },
      }),
      close: async () => {
        server.closeAllConnections();
        await new Promise(resolve => {
          server.close(resolve);
        });
      },
    };
  }

  async function until(condition: () => boolean) {
    const deadlineMs = Date.now() + 30_000;
    while (!condition()) {
      if (Date.now() > deadlineMs) {
        throw new Error('The condition was not met in time');
      }
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  }

  it('tells what changed, resumes after the last id, and misses nothing between', async () => {
    const api = await openApi({ keepAliveMs: 50 });
    const { client, close } = await serve(api);
    const seen: ChangeEvent[] = [];
    let open = false;
    const first = new AbortController();
    const watching = client.streamEvents(
      {
        onOpen: () => {
          open = true;
        },
      },
      event => seen.push(event),
      first.signal,
    );
    await until(() => open);
    await api.store.releases.create(releaseRow({ id: 'r1' }));
    await until(() => seen.some(event => event.subject === 'r1'));
    first.abort();
    await watching;

    await api.store.releases.create(releaseRow({ id: 'r2' }));
    api.connection.setInstances(
      { service: CHECKOUT, environment: 'staging' },
      { known: [], observedAtMs: 1, reflects: 0 },
    );
    const again: ChangeEvent[] = [];
    const second = new AbortController();
    const resumed = client.streamEvents(
      { lastEventId: seen[seen.length - 1].id },
      event => again.push(event),
      second.signal,
    );
    await until(
      () =>
        again.some(event => event.subject === 'r2') &&
        again.some(event => event.kind === 'instances'),
    );
    second.abort();
    await resumed;
    expect(again.map(event => event.subject)).not.toContain('r1');
    expect(again.find(event => event.kind === 'instances')).toMatchObject({
      subject: `${CHECKOUT}@staging`,
      instances: { known: [] },
    });
    await close();
  });

  it('sends the headers that keep proxies from holding it back, and keep-alives', async () => {
    const api = await openApi({ keepAliveMs: 20 });
    const { url, close } = await serve(api);
    const response = await fetch(`${url}/v1/events`);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('cache-control')).toContain('no-transform');
    const reader = response.body?.getReader();
    let text = '';
    while (!text.includes(': ping')) {
      const part = await reader?.read();
      text += Buffer.from(part?.value ?? []).toString();
    }
    await reader?.cancel();
    await close();
  });

  it('ends when the token does', async () => {
    const api = await openApi({ tokenExpiresAt: new Date(Date.now() + 300) });
    const { client, close } = await serve(api);
    let open = false;
    // Resolves only when the server ends the stream.
    await client.streamEvents(
      {
        onOpen: () => {
          open = true;
        },
      },
      () => {},
      new AbortController().signal,
    );
    expect(open).toBe(true);
    await close();
  });

  it('asks for the permissions again, and is silent when they are gone', async () => {
    const decisions: Record<string, PolicyDecision> = {};
    const api = await openApi({
      permissions: policy(decisions),
      recheckMs: 0,
      keepAliveMs: 20,
    });
    const { client, close } = await serve(api);
    const seen: ChangeEvent[] = [];
    const abort = new AbortController();
    let open = false;
    const watching = client.streamEvents(
      {
        onOpen: () => {
          open = true;
        },
      },
      event => seen.push(event),
      abort.signal,
    );
    await until(() => open);
    await api.store.releases.create(releaseRow({ id: 'r1' }));
    await until(() => seen.some(event => event.subject === 'r1'));
    decisions['delivery.service.read'] = DENY;
    await api.store.releases.create(releaseRow({ id: 'r2' }));
    api.connection.setInstances(
      { service: CHECKOUT, environment: 'staging' },
      { known: [], observedAtMs: 1, reflects: 0 },
    );
    await until(() => seen.some(event => event.kind === 'instances'));
    decisions['delivery.service.read'] = { result: AuthorizeResult.ALLOW };
    await api.store.releases.create(releaseRow({ id: 'r3' }));
    await until(() => seen.some(event => event.subject === 'r3'));
    expect(seen.map(event => event.subject)).not.toContain('r2');
    abort.abort();
    await watching;
    await close();
  });

  it('has the same news as JSON, for who cannot stream', async () => {
    const api = await openApi();
    const { body: start } = await request(api.app)
      .get('/v1/events.json')
      .expect(200);
    expect(start.items).toEqual([]);
    await api.store.releases.create(releaseRow({ id: 'r1' }));
    const { body } = await request(api.app)
      .get(
        `/v1/events.json?waitMs=20000&after=${encodeURIComponent(start.next)}`,
      )
      .expect(200);
    expect(body.items).toMatchObject([{ kind: 'release', subject: 'r1' }]);
    const { body: foreign } = await request(api.app)
      .get('/v1/events.json?after=nonsense')
      .expect(200);
    expect(foreign.items).toMatchObject([{ kind: 'reset' }]);
  });

  it('tells only of services that the caller may see', async () => {
    const api = await openApi({
      machines: [{ subject: 'ci', services: [BILLING], verbs: ['read'] }],
    });
    const events = (after: string) =>
      request(api.app)
        .get(`/v1/events.json?after=${encodeURIComponent(after)}`)
        .set('authorization', machine('external:ci'))
        .expect(200);
    const { body: start } = await request(api.app).get('/v1/events.json');
    await api.store.releases.create(releaseRow({ id: 'r1' }));
    await api.store.releases.create(releaseRow({ id: 'r2', service: BILLING }));
    const { body } = await events(start.next);
    expect(body.items.map((event: ChangeEvent) => event.subject)).toEqual([
      'r2',
    ]);
  });
});
