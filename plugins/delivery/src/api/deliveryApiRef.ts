import { createApiRef } from '@backstage/core-plugin-api';
import { DeliveryApi } from '@slipway/backstage-plugin-delivery-common';
import { DeliveryEvents } from '../events';

/** Talks to the delivery backend. @public */
export const deliveryApiRef = createApiRef<DeliveryApi>({
  id: 'plugin.delivery.client',
});

/** Tells what changed, without reload. @public */
export const deliveryEventsApiRef = createApiRef<DeliveryEvents>({
  id: 'plugin.delivery.events',
});
