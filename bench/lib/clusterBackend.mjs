/*
 * The delivery backend with the Kubernetes module, in a process of its own: its
 * API over HTTP, its database a file. The parent (clusterBench.mjs) tells it by
 * message what to start with and which commits there are.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
require('@backstage/cli/config/nodeTransform.cjs');
const {
  coreServices,
  createServiceFactory,
} = require('@backstage/backend-plugin-api');
const {
  databaseServiceFactory,
} = require('@backstage/backend-defaults/database');
const {
  mockServices,
  startTestBackend,
} = require('@backstage/backend-test-utils');
const {
  catalogServiceMock,
} = require('@backstage/plugin-catalog-node/testUtils');
const plugins = '../../plugins';
const deliveryPlugin = require(`${plugins}/delivery-backend/src`).default;
const kubernetesModule =
  require(`${plugins}/delivery-backend-module-kubernetes/src`).default;
const {
  TestRepository,
  testReleaseModule,
} = require(`${plugins}/delivery-backend-module-kubernetes/src/testing`);

const repository = new TestRepository();
let backend;

function entity(name) {
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Component',
    metadata: {
      name,
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
  };
}

async function start({
  services,
  environment,
  namespace,
  cluster,
  registry,
  gatewayMetricsUrl,
  directory,
}) {
  const scheduler = mockServices.scheduler();
  backend = await startTestBackend({
    features: [
      deliveryPlugin,
      kubernetesModule,
      testReleaseModule({ repository, registry }),
      databaseServiceFactory,
      createServiceFactory({
        service: coreServices.scheduler,
        deps: {},
        factory: () => scheduler,
      }),
      catalogServiceMock.factory({ entities: services.map(entity) }),
      mockServices.rootLogger.factory({ level: 'warn' }),
      mockServices.rootConfig.factory({
        data: {
          backend: {
            baseUrl: 'http://localhost:7007',
            database: {
              client: 'better-sqlite3',
              connection: { directory: join(directory, 'database') },
            },
          },
          kubernetes: {
            clusterLocatorMethods: [
              {
                type: 'config',
                clusters: [
                  {
                    name: 'bench',
                    authProvider: 'serviceAccount',
                    ...cluster,
                  },
                ],
              },
            ],
          },
          delivery: {
            workDirectory: join(directory, 'releases'),
            permissions: { allowDisabled: true },
            streams: { perUser: 50 },
            environments: [
              {
                name: environment,
                tier: 'production',
                connection: { type: 'kubernetes', name: 'bench' },
              },
            ],
            kubernetes: {
              ...(gatewayMetricsUrl && {
                gatewayMetrics: [{ cluster: 'bench', url: gatewayMetricsUrl }],
              }),
              environments: [
                {
                  environment,
                  namespaces: [{ system: 'storefront', namespace }],
                },
              ],
            },
          },
        },
      }),
    ],
  });
  await scheduler.triggerTask('delivery-service-sync');
  return { port: backend.server.port() };
}

const answers = {
  start,
  commit: ({ service, files }) => repository.commit(service, files),
  memory: () => process.memoryUsage(),
  stop: () => backend.stop(),
};

process.on('message', async ({ id, verb, given }) => {
  try {
    process.send({ id, answer: await answers[verb](given) });
  } catch (error) {
    process.send({ id, error: error.stack });
  }
});
process.on('disconnect', () => process.exit(1));
