import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { catalogServiceRef } from '@backstage/plugin-catalog-node';
import { deliveryConnectionExtensionPoint } from '@slipway/backstage-plugin-delivery-node';
import { createKubeClient } from './client';
import { createClusters, createNamespaces, readNamespaces } from './clusters';
import { createKubernetesConnection } from './connection';
import { readGatewayMetrics } from './traffic';

/**
 * The connection type `kubernetes`: each cluster that the platform describes
 * for Backstage's kubernetes plugin is a connection of that name.
 *
 * @public
 */
export const deliveryModuleKubernetes = createBackendModule({
  pluginId: 'delivery',
  moduleId: 'kubernetes',
  register(env) {
    env.registerInit({
      deps: {
        auth: coreServices.auth,
        catalog: catalogServiceRef,
        config: coreServices.rootConfig,
        connections: deliveryConnectionExtensionPoint,
        lifecycle: coreServices.lifecycle,
        logger: coreServices.logger,
      },
      async init({ auth, catalog, config, connections, lifecycle, logger }) {
        const environments = readNamespaces(config);
        const gatewayMetrics = readGatewayMetrics(config);
        const clusters = createClusters({ config, catalog, auth, logger });
        const namespaceOf = createNamespaces({ environments, catalog, auth });

        connections.addConnectionFactory({
          type: 'kubernetes',
          async create(name) {
            const { endpoint, source } = await clusters.find(name);
            const client = createKubeClient({ cluster: name, endpoint });
            lifecycle.addShutdownHook(() => client.close());
            const named = logger.child({ cluster: name });
            named.info(`Cluster ${name}, described by ${source}`);
            return createKubernetesConnection({
              cluster: { name, client, namespaceOf },
              logger: named,
              gatewayMetrics: gatewayMetrics.get(name),
              render: {
                kustomize: config.getOptionalString(
                  'delivery.kubernetes.render.kustomize',
                ),
                helm: config.getOptionalString(
                  'delivery.kubernetes.render.helm',
                ),
              },
            });
          },
        });
      },
    });
  },
});
