import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  coreServices,
  createBackendModule,
  createServiceFactory,
} from '@backstage/backend-plugin-api';
import { mockServices, startTestBackend } from '@backstage/backend-test-utils';
import { catalogServiceMock } from '@backstage/plugin-catalog-node/testUtils';
// The whole plugin, to prove that it drives a cluster.
// eslint-disable-next-line @backstage/no-mixed-plugin-imports
import deliveryPlugin from '@slipway/backstage-plugin-delivery-backend';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { RegistryAccess } from '@slipway/backstage-plugin-delivery-node';
import kubernetesModule from '../..';
import { TestRepository, testReleaseModule } from '../releaseModule';

/** How the cluster is described in `kubernetes.clusterLocatorMethods`. */
export interface ClusterDescription {
  url: string;
  caData?: string;
  serviceAccountToken?: string;
  authMetadata?: Record<string, string>;
}

export interface EngineBackendOptions {
  target: TargetRef;
  namespace: string;
  cluster: ClusterDescription;
  repository: TestRepository;
  registry: RegistryAccess;
  /** Where the gateway's Envoy tells what it does. */
  gatewayMetricsUrl?: string;
  /** Holds the database: who is started with the same one goes on with it. */
  directory: string;
  /** Default `queue`. */
  queue?: 'queue' | 'supersede' | 'reject';
  /** Default `tell`. */
  drift?: 'tell' | 'repair';
}

/** The delivery plugin with the Kubernetes module, as one process of a portal. */
export interface EngineBackend {
  /** Errors: `Error` with the answer, when it is none of success. */
  api<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T>;
  /**
   * Ends it as the operating system ends a process: from this moment on the
   * database hears nothing of it. Its leases end as they would in some seconds.
   */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** The database of the plugin, to take it away. */
interface Life {
  cutDatabase(): Promise<void>;
}

function lifeModule(tell: (life: Life) => void) {
  return createBackendModule({
    pluginId: 'delivery',
    moduleId: 'test-life',
    register(env) {
      env.registerInit({
        deps: { database: coreServices.database },
        async init({ database }) {
          const knex = await database.getClient();
          tell({
            async cutDatabase() {
              await knex('work_items')
                .whereNotNull('lease_until_ms')
                .update({ lease_until_ms: 0, due_at_ms: 0 });
              knex.client.acquireConnection = async () => {
                throw new Error('This process was killed');
              };
            },
          });
        },
      });
    },
  });
}

export async function startEngineBackend(
  options: EngineBackendOptions,
): Promise<EngineBackend> {
  const { target, namespace, repository, registry, directory } = options;
  await mkdir(join(directory, 'database'), { recursive: true });
  const scheduler = mockServices.scheduler();
  let life: Life | undefined;
  const backend = await startTestBackend({
    features: [
      deliveryPlugin,
      kubernetesModule,
      lifeModule(its => {
        life = its;
      }),
      testReleaseModule({ repository, registry }),
      createServiceFactory({
        service: coreServices.scheduler,
        deps: {},
        factory: () => scheduler,
      }),
      // To find out why something did not happen.
      ...(process.env.SLIPWAY_TEST_LOG
        ? [mockServices.rootLogger.factory({ level: 'debug' })]
        : []),
      catalogServiceMock.factory({ entities: [componentOf(target)] }),
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
                    name: 'test',
                    authProvider: 'serviceAccount',
                    ...options.cluster,
                  },
                ],
              },
            ],
          },
          delivery: {
            workDirectory: join(directory, 'releases'),
            permissions: { allowDisabled: true },
            environments: [
              {
                name: target.environment,
                tier: 'production',
                queue: options.queue ?? 'queue',
                drift: options.drift ?? 'tell',
                connection: { type: 'kubernetes', name: 'test' },
              },
            ],
            kubernetes: {
              gatewayMetrics: options.gatewayMetricsUrl
                ? [{ cluster: 'test', url: options.gatewayMetricsUrl }]
                : [],
              environments: [
                {
                  environment: target.environment,
                  namespaces: [{ system: 'storefront', namespace }],
                },
              ],
            },
          },
        },
      }),
    ],
  });
  // The scheduler of tests waits for us instead of the clock.
  await scheduler.triggerTask('delivery-service-sync');
  return {
    async api(method, path, body) {
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
    },
    async kill() {
      await life?.cutDatabase();
      await backend.stop();
    },
    stop: () => backend.stop(),
  };
}

function componentOf({ service }: TargetRef) {
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Component',
    metadata: {
      name: String(service.split('/').pop()),
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
