import { AddressInfo } from 'node:net';
import {
  coreServices,
  createBackendPlugin,
} from '@backstage/backend-plugin-api';
import {
  mockCredentials,
  mockServices,
  startTestBackend,
} from '@backstage/backend-test-utils';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
import notificationsBackend from '@backstage/plugin-notifications-backend';
import signalsBackend from '@backstage/plugin-signals-backend';
import {
  deliverySupportExtensionPoint,
  Notifier,
} from '@slipway/backstage-plugin-delivery-node';
import deliveryModuleNotifications from './index';

jest.setTimeout(120_000);

const SHOP = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Group',
  metadata: { name: 'shop', namespace: 'default' },
  spec: { type: 'team', children: [] },
  relations: [
    { type: 'hasMember', targetRef: 'user:default/ada' },
    { type: 'hasMember', targetRef: 'user:default/grace' },
  ],
};

const ROLLED_BACK: Parameters<Notifier['notify']>[0] = {
  key: 'd-1:rolled-back',
  title: 'checkout v1.8.0 was rolled back in production',
  description: '6.1 % of canary requests failed (limit 1 %, 412 samples).',
  severity: 'high',
  recipients: ['group:default/shop'],
  link: '/catalog/default/component/checkout/delivery/deployments/d-1',
};

interface Answer {
  totalCount: number;
  notifications: Array<{
    origin: string;
    payload: Record<string, unknown>;
  }>;
}

describe('news of deliveries as Backstage notifications', () => {
  /** The real notifications backend, and the delivery plugin reduced to its port. */
  async function start() {
    const notifiers: Notifier[] = [];
    const delivery = createBackendPlugin({
      pluginId: 'delivery',
      register(env) {
        env.registerExtensionPoint(deliverySupportExtensionPoint, {
          addNotifier: notifier => notifiers.push(notifier),
          setBlobStore() {},
        });
        env.registerInit({
          deps: { logger: coreServices.logger },
          async init() {},
        });
      },
    });
    const { server } = await startTestBackend({
      features: [
        delivery,
        deliveryModuleNotifications,
        notificationsBackend,
        signalsBackend,
        catalogServiceMock.factory({ entities: [SHOP] }),
        mockServices.rootConfig.factory({
          data: { app: { baseUrl: 'http://localhost:3000' } },
        }),
      ],
    });
    const { port } = server.address() as AddressInfo;
    async function read(user: string): Promise<Answer> {
      const response = await fetch(
        `http://localhost:${port}/api/notifications`,
        {
          headers: {
            authorization: mockCredentials.user.header(`user:default/${user}`),
          },
        },
      );
      expect(response.status).toBe(200);
      return response.json();
    }
    expect(notifiers).toHaveLength(1);
    return { notifier: notifiers[0], read };
  }

  it('reaches the members of the group that owns the service, with a link to the deployment', async () => {
    const { notifier, read } = await start();
    await notifier.notify(ROLLED_BACK);
    for (const member of ['ada', 'grace']) {
      expect(await read(member)).toMatchObject({
        totalCount: 1,
        notifications: [
          {
            origin: 'plugin:delivery',
            payload: {
              title: ROLLED_BACK.title,
              description: ROLLED_BACK.description,
              severity: 'high',
              topic: 'deployments',
              link: ROLLED_BACK.link,
            },
          },
        ],
      });
    }
    expect(await read('mallory')).toMatchObject({ totalCount: 0 });
  });

  it('is there once however often it is told, and other news beside it', async () => {
    const { notifier, read } = await start();
    for (let time = 0; time < 3; time += 1) {
      await notifier.notify(ROLLED_BACK);
    }
    await notifier.notify({
      ...ROLLED_BACK,
      key: 'd-2:succeeded',
      title: 'checkout v1.8.1 is deployed in production',
      severity: 'normal',
    });
    const { totalCount, notifications } = await read('ada');
    expect(totalCount).toBe(2);
    expect(notifications.map(({ payload }) => payload.scope).sort()).toEqual([
      'd-1:rolled-back',
      'd-2:succeeded',
    ]);
  });

  it('is one notification for each drift, and one for a give-back that is overdue', async () => {
    const { notifier, read } = await start();
    const drift = {
      key: 'component:default/checkout@production:drift:1796057759000',
      title: 'checkout is not as it was deployed in production',
      description:
        '.spec.replicas was set from 2 to 5 by "kubectl". Nothing is done about it by itself',
      severity: 'normal' as const,
      recipients: ['group:default/shop'],
      link: ROLLED_BACK.link,
    };
    const overdue = {
      ...drift,
      key: 'component:default/checkout@production:give-back-overdue:1796057759000',
      title: 'checkout is not given back in production',
      severity: 'high' as const,
      recipients: ['group:default/shop', 'user:default/ada'],
    };
    for (const news of [drift, overdue, drift, overdue]) {
      await notifier.notify(news);
    }
    const { totalCount, notifications } = await read('ada');
    expect(totalCount).toBe(2);
    expect(
      notifications
        .map(({ payload }) => [payload.title, payload.severity, payload.link])
        .sort(),
    ).toEqual([
      [drift.title, 'normal', ROLLED_BACK.link],
      [overdue.title, 'high', ROLLED_BACK.link],
    ]);
  });

  it('tells somebody who owns the service and asked for the deployment once', async () => {
    const { notifier, read } = await start();
    await notifier.notify({
      ...ROLLED_BACK,
      recipients: ['group:default/shop', 'user:default/ada'],
    });
    expect((await read('ada')).totalCount).toBe(1);
  });

  it('leaves out who cannot be told, and does not fail for it', async () => {
    const { notifier, read } = await start();
    await notifier.notify({
      ...ROLLED_BACK,
      recipients: ['not an entity:/', 'Shop'],
    });
    expect((await read('grace')).totalCount).toBe(1);
    await notifier.notify({ ...ROLLED_BACK, key: 'd-3', recipients: [] });
    await notifier.notify({
      ...ROLLED_BACK,
      key: 'd-4',
      recipients: ['group:default/gone'],
    });
    expect((await read('grace')).totalCount).toBe(1);
  });
});
