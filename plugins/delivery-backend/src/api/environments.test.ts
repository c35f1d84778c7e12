import { mockServices } from '@backstage/backend-test-utils';
import { AuthorizeResult } from '@backstage/plugin-permission-common';
import { RESOURCE_TYPE_DELIVERY_ENVIRONMENT } from '@slipway/backstage-plugin-delivery-common';
import request from 'supertest';
import { createConnections } from '../connections';
import { deliveryEnvironmentConditions } from './auth/conditions';
import { checkConnection } from './services/checkConnection';
import { FakeConnection } from './__testUtils__/fakeConnection';
import { CHECKOUT } from './__testUtils__/testApi';
import { DENY, machine, policy, useApis } from './__testUtils__/useApis';

jest.setTimeout(120_000);

const checksOf = (environment: string) =>
  `/v1/environments/${environment}/checks`;

describe('the check of an environment', () => {
  const openApi = useApis();

  it('is of all that the platform gives there, without any service', async () => {
    const { app, audited } = await openApi();
    const { body } = await request(app).get(checksOf('staging')).expect(200);
    expect(body.items).toEqual([
      {
        id: 'rights',
        title: 'Rights for all of staging',
        status: 'missing',
        message: 'may not create deployments',
        fix: 'kubectl apply -f rights.yaml',
      },
    ]);
    expect(audited).toEqual([]);
  });

  it('is nothing where the connection has nothing to be checked', async () => {
    const { app } = await openApi({
      connections: {
        staging: Object.assign(new FakeConnection(), { check: undefined }),
      },
    });
    const { body } = await request(app).get(checksOf('staging')).expect(200);
    expect(body).toEqual({ items: [] });
  });

  it('is refused by environment, naming the permission; what does not exist is told', async () => {
    const { app } = await openApi({
      permissions: policy({
        'delivery.environment.check': {
          result: AuthorizeResult.CONDITIONAL,
          pluginId: 'delivery',
          resourceType: RESOURCE_TYPE_DELIVERY_ENVIRONMENT,
          conditions: deliveryEnvironmentConditions.hasTier({
            tiers: ['staging'],
          }),
        },
      }),
    });
    await request(app).get(checksOf('staging')).expect(200);
    const refused = await request(app).get(checksOf('production')).expect(403);
    expect(refused.body.error.message).toBe(
      'user:default/mock does not have the permission delivery.environment.check on the environment production',
    );
    const unknown = await request(app).get(checksOf('mars')).expect(404);
    expect(unknown.body.error.message).toBe(
      'No environment "mars": expected one of staging, production',
    );
    const closed = await openApi({
      permissions: policy({ 'delivery.environment.check': DENY }),
    });
    await request(closed.app).get(checksOf('staging')).expect(403);
    // Which environments there are is no secret.
    const { body } = await request(closed.app)
      .get('/v1/environments')
      .expect(200);
    expect(body.items).toMatchObject([
      { name: 'staging', connection: { type: 'fake', name: 'default' } },
      { name: 'production' },
    ]);
    await request(app)
      .get(checksOf('x'.repeat(64)))
      .expect(400);
  });

  it('tells rights and namespaces, so it is closed while permissions are off', async () => {
    const closed = await openApi({ permissionsEnabled: false });
    const refused = await request(closed.app)
      .get(checksOf('staging'))
      .expect(403);
    expect(refused.body.error.message).toContain(
      'delivery.permissions.allowDisabled',
    );
    const open = await openApi({
      permissionsEnabled: false,
      allowDisabled: true,
    });
    await request(open.app).get(checksOf('staging')).expect(200);
  });

  it('is for machines with the verb "check" there, whatever their services', async () => {
    const { app } = await openApi({
      machines: [
        {
          subject: 'platform',
          services: [],
          environments: ['staging'],
          verbs: ['check'],
        },
        {
          subject: 'ci',
          services: [CHECKOUT],
          environments: ['*'],
          verbs: ['read', 'operate'],
        },
      ],
    });
    const as = (who: string, environment: string) =>
      request(app)
        .get(checksOf(environment))
        .set('authorization', machine(`external:${who}`));
    await as('platform', 'staging').expect(200);
    await as('platform', 'production').expect(403);
    const refused = await as('ci', 'staging').expect(403);
    expect(refused.body.error.message).toBe(
      'delivery.machines does not allow external:ci the verb "check" on the environment staging',
    );
  });

  it('says that a connection has not started, while the one beside it is checked', async () => {
    const abort = new AbortController();
    const connections = await createConnections({
      environments: [
        { name: 'production', connection: { type: 'kubernetes', name: 'us' } },
      ],
      factories: [
        {
          type: 'kubernetes',
          create: async () => {
            throw new Error('no cluster is called "us"');
          },
        },
      ],
      logger: mockServices.logger.mock(),
      signal: abort.signal,
    });
    const { app } = await openApi({
      connections: Object.fromEntries(connections),
    });
    const [up, notThere] = await Promise.all([
      request(app).get(checksOf('staging')).expect(200),
      request(app).get(checksOf('production')).expect(200),
    ]);
    abort.abort();
    expect(up.body.items).toMatchObject([{ id: 'rights' }]);
    expect(notThere.body.items).toEqual([
      {
        id: 'connection',
        title: 'The connection kubernetes/us starts',
        status: 'missing',
        message: 'no cluster is called "us"',
      },
    ]);
  });

  it('fails alone: a connection that throws spoils no other', async () => {
    const broken = Object.assign(new FakeConnection(), {
      check: async () => {
        throw new Error('the answer was cut off');
      },
    });
    const { app } = await openApi({ connections: { production: broken } });
    const failed = await request(app).get(checksOf('production')).expect(500);
    expect(failed.body.error.message).toContain('the answer was cut off');
    await request(app).get(checksOf('staging')).expect(200);
  });

  it('ends with its time, and tells the connection so', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    try {
      let told: AbortSignal | undefined;
      const hanging = Object.assign(new FakeConnection(), {
        check: (_of: unknown, signal: AbortSignal) => {
          told = signal;
          return new Promise<never>(() => {});
        },
      });
      const failure = checkConnection(
        hanging,
        { environment: 'production' },
        new AbortController().signal,
      ).catch(error => error.message);
      jest.advanceTimersByTime(60_000);
      expect(await failure).toBe(
        'The check of the connection fake/default of production did not answer within 60000 ms',
      );
      expect(told?.aborted).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });
});
