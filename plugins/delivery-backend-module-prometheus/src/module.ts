import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { deliveryConnectionExtensionPoint } from '@slipway/backstage-plugin-delivery-node';
import { createPrometheusClient } from './client';
import { readPrometheusConfig } from './config';
import { createPrometheusProvider } from './provider';

/** Metrics of environments from Prometheus. @public */
export const deliveryModulePrometheus = createBackendModule({
  pluginId: 'delivery',
  moduleId: 'prometheus',
  register(env) {
    env.registerInit({
      deps: {
        connections: deliveryConnectionExtensionPoint,
        config: coreServices.rootConfig,
      },
      async init({ connections, config }) {
        for (const entry of readPrometheusConfig(config)) {
          connections.addMetricProvider({
            environments: entry.environments,
            provider: createPrometheusProvider({
              ...entry,
              client: createPrometheusClient(entry),
            }),
          });
        }
      },
    });
  },
});
