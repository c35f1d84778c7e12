import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { catalogServiceRef } from '@backstage/plugin-catalog-node';
import {
  deliveryConnectionExtensionPoint,
  readRegistryConfig,
} from '@slipway/backstage-plugin-delivery-node';
import { createKubeClient } from './client';
import { tellWhatIsMissing } from './access';
import {
  createClusters,
  createNamespaces,
  namespacesIn,
  namespacesOn,
  readNamespaces,
  readWatchScope,
} from './clusters';
import { createKubernetesConnection } from './connection';
import { readPolicy } from './plan';
import { readGatewayFeatures, readGatewayMetrics } from './traffic';

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
        const watch = readWatchScope(config);
        const gatewayMetrics = readGatewayMetrics(config);
        const gatewayFeatures = readGatewayFeatures(config);
        const policy = readPolicy(config);
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
            const namespaces = namespacesOn(environments, name);
            // Whoever sets a cluster up reads here what it lacks; it hinders
            // nothing.
            void tellWhatIsMissing({ client, namespaces, watch }, named);
            return createKubernetesConnection({
              cluster: { name, client, namespaceOf },
              logger: named,
              namespacesIn: environment =>
                namespacesIn(environments, environment),
              watchedNamespaces:
                watch === 'namespaces' ? namespaces : undefined,
              gatewayMetrics: gatewayMetrics.get(name),
              gatewayFeatures: gatewayFeatures.get(name),
              policy,
              registry: readRegistryConfig(config),
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
