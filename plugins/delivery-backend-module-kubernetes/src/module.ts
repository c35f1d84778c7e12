import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { deliveryConnectionExtensionPoint } from '@slipway/backstage-plugin-delivery-node';

/** The connection type `kubernetes`. @public */
export const deliveryModuleKubernetes = createBackendModule({
  pluginId: 'delivery',
  moduleId: 'kubernetes',
  register(env) {
    env.registerInit({
      deps: {
        connections: deliveryConnectionExtensionPoint,
        logger: coreServices.logger,
      },
      async init({ logger }) {
        logger.debug('The Kubernetes module is being wired');
      },
    });
  },
});
