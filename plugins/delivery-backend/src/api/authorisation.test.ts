import { mockCredentials } from '@backstage/backend-test-utils';
import { AuthorizeResult } from '@backstage/plugin-permission-common';
import {
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
  deploymentRow,
  releaseRow,
} from './__testUtils__/testApi';
import {
  DATABASES,
  DENY,
  SERVICE,
  machine,
  policy,
  useApis,
} from './__testUtils__/useApis';

jest.setTimeout(120_000);

describe.each(DATABASES)('who may do what, on %s', database => {
  const openApi = useApis(database);

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

  it.each([
    { may: true, expected: ['payment failed'] },
    { may: false, expected: undefined },
  ])(
    'shows log lines beside a deployment to who may read logs ($may), and what a rollback does not bring back to everybody',
    async ({ may, expected }) => {
      const { app, store } = await openApi({
        permissions: policy(may ? {} : { 'delivery.logs.read': DENY }),
      });
      await store.plans.put({
        id: 'p1',
        target: { service: CHECKOUT, environment: 'staging' },
        releaseId: 'r1',
        objects: [],
        images: {},
        replicas: 1,
        ignored: ['spec.template.spec.hostNetwork'],
        references: [
          {
            kind: 'Secret',
            name: 'till',
            restorable: false,
            detail: 'key api',
          },
          { kind: 'Secret', name: 'till-v2', restorable: true },
        ],
      });
      await store.deployments.create(deploymentRow({ id: 'd1', planId: 'p1' }));
      const logs = {
        atMs: 1,
        lines: [
          { text: 'payment failed', count: 1, firstAtMs: 1, lastAtMs: 1 },
        ],
        more: 0,
        compared: { candidate: 1, stable: 1 },
      };
      const traffic = [
        { atMs: 1, asked: [{ generation: 'g1', percent: 100 }] },
      ];
      await store.transaction(tx =>
        store.deployments.saveEvidence('d1', { logs, traffic }, tx),
      );
      const { body } = await request(app).get('/v1/deployments/d1').expect(200);
      expect(
        body.newInCanary?.lines.map(({ text }: { text: string }) => text),
      ).toEqual(expected);
      expect(body.traffic).toEqual(traffic);
      expect(body.ignored).toEqual(['spec.template.spec.hostNetwork']);
      expect(body.notRestorable).toEqual([
        expect.stringMatching(/^Secret "till" \(key api\): what it holds when/),
      ]);
      const { body: page } = await request(app)
        .get('/v1/deployments')
        .expect(200);
      expect(JSON.stringify(page)).not.toContain('payment failed');
    },
  );

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
        'delivery.target.operate': DENY,
      }),
    });
    await request(app)
      .get(`${SERVICE}/environments/staging/checks`)
      .expect(403);
    await request(app)
      .get(`${SERVICE}/environments/production/preview/r1`)
      .expect(403);
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
    const told = await request(open.app).get(`${SERVICE}/overview`).expect(200);
    expect(told.body.permissions).toEqual({
      allowDisabled: true,
      enabled: false,
    });
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
