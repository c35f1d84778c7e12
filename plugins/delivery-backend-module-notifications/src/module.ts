import {
  coreServices,
  createBackendModule,
} from '@backstage/backend-plugin-api';
import { notificationService } from '@backstage/plugin-notifications-node';
import { deliverySupportExtensionPoint } from '@slipway/backstage-plugin-delivery-node';
import { createNotifier } from './notifier';

/**
 * Sends what the delivery plugin has to tell as notifications of Backstage.
 *
 * @public
 */
export const deliveryModuleNotifications = createBackendModule({
  pluginId: 'delivery',
  moduleId: 'notifications',
  register(env) {
    env.registerInit({
      deps: {
        logger: coreServices.logger,
        notifications: notificationService,
        support: deliverySupportExtensionPoint,
      },
      async init({ support, logger, notifications }) {
        support.addNotifier(createNotifier({ notifications, logger }));
      },
    });
  },
});
