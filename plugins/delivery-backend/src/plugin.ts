import {
  coreServices,
  createBackendPlugin,
} from '@backstage/backend-plugin-api';
import { metricsServiceRef } from '@backstage/backend-plugin-api/alpha';
import { catalogServiceRef } from '@backstage/plugin-catalog-node';
import {
  deliveryConnectionExtensionPoint,
  deliveryReleaseExtensionPoint,
  deliverySupportExtensionPoint,
  readRegistryConfig,
} from '@slipway/backstage-plugin-delivery-node';
import { Ports } from './wiring/ports';
import { startDelivery } from './wiring/startDelivery';

/**
 * The delivery plugin. Modules bring what it works with: source fetchers, an
 * image builder, a scanner, a registry, connections. Without configuration it
 * starts, says so in the log and answers empty lists.
 *
 * @public
 */
export const deliveryPlugin = createBackendPlugin({
  pluginId: 'delivery',
  register(env) {
    const ports = new Ports();
    env.registerExtensionPoint(deliveryReleaseExtensionPoint, ports);
    env.registerExtensionPoint(deliveryConnectionExtensionPoint, ports);
    env.registerExtensionPoint(deliverySupportExtensionPoint, ports);
    env.registerInit({
      deps: {
        auditor: coreServices.auditor,
        auth: coreServices.auth,
        catalog: catalogServiceRef,
        config: coreServices.rootConfig,
        database: coreServices.database,
        httpAuth: coreServices.httpAuth,
        httpRouter: coreServices.httpRouter,
        lifecycle: coreServices.lifecycle,
        logger: coreServices.logger,
        metrics: metricsServiceRef,
        permissions: coreServices.permissions,
        permissionsRegistry: coreServices.permissionsRegistry,
        scheduler: coreServices.scheduler,
      },
      async init(services) {
        const registry = readRegistryConfig(services.config);
        if (registry) {
          ports.setRegistry(registry);
        }
        await startDelivery(services, ports);
      },
    });
  },
});
