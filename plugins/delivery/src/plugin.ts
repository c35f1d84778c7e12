import {
  createApiFactory,
  createComponentExtension,
  createPlugin,
  createRoutableExtension,
  discoveryApiRef,
  fetchApiRef,
  identityApiRef,
} from '@backstage/core-plugin-api';
import { DeliveryClient } from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef, deliveryEventsApiRef } from './api';
import { createDeliveryEvents } from './events';
import {
  catalogEntityRouteRef,
  entityDeliveryRouteRef,
  environmentsRouteRef,
  rootRouteRef,
} from './routes';

/** The plugin for the legacy frontend system. @public */
export const deliveryPlugin = createPlugin({
  id: 'delivery',
  apis: [
    createApiFactory({
      api: deliveryApiRef,
      deps: { discoveryApi: discoveryApiRef, fetchApi: fetchApiRef },
      factory: deps => new DeliveryClient(deps),
    }),
    createApiFactory({
      api: deliveryEventsApiRef,
      deps: { delivery: deliveryApiRef, identity: identityApiRef },
      factory: createDeliveryEvents,
    }),
  ],
  routes: {
    root: rootRouteRef,
    environments: environmentsRouteRef,
    entityContent: entityDeliveryRouteRef,
  },
  externalRoutes: { catalogEntity: catalogEntityRouteRef },
});

/** The Delivery page: inbox, estate and environments. @public */
export const DeliveryPage = deliveryPlugin.provide(
  createRoutableExtension({
    name: 'DeliveryPage',
    component: () =>
      import('./components/DeliveryPage').then(m => m.DeliveryPage),
    mountPoint: rootRouteRef,
  }),
);

/** The Delivery tab of an entity. @public */
export const EntityDeliveryTab = deliveryPlugin.provide(
  createRoutableExtension({
    name: 'EntityDeliveryTab',
    component: () =>
      import('./components/DeliveryTab').then(m => m.DeliveryTab),
    mountPoint: entityDeliveryRouteRef,
  }),
);

/** The Delivery card of an entity's overview. @public */
export const EntityDeliveryCard = deliveryPlugin.provide(
  createComponentExtension({
    name: 'EntityDeliveryCard',
    component: {
      lazy: () =>
        import('./components/EntityDeliveryCard').then(
          m => m.EntityDeliveryCard,
        ),
    },
  }),
);
