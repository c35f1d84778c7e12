/**
 * The plugin for the new frontend system.
 *
 * @packageDocumentation
 */
import LocalShippingIcon from '@material-ui/icons/LocalShipping';
import {
  ApiBlueprint,
  PageBlueprint,
  createFrontendPlugin,
  discoveryApiRef,
  fetchApiRef,
  identityApiRef,
} from '@backstage/frontend-plugin-api';
import {
  EntityCardBlueprint,
  EntityContentBlueprint,
} from '@backstage/plugin-catalog-react/alpha';
import { DeliveryClient } from '@slipway/backstage-plugin-delivery-common';
import { DELIVERY_DEFINITION_ANNOTATION } from './annotation';
import { deliveryApiRef, deliveryEventsApiRef } from './api';
import { createDeliveryEvents } from './events';
import {
  catalogEntityRouteRef,
  entityDeliveryRouteRef,
  environmentsRouteRef,
  rootRouteRef,
} from './routes';

/** Only components that name a delivery definition; app-config may say otherwise. */
const delivered = {
  kind: 'component',
  [`metadata.annotations.${DELIVERY_DEFINITION_ANNOTATION}`]: {
    $exists: true,
  },
};

const deliveryApi = ApiBlueprint.make({
  name: 'client',
  params: defineParams =>
    defineParams({
      api: deliveryApiRef,
      deps: { discoveryApi: discoveryApiRef, fetchApi: fetchApiRef },
      factory: deps => new DeliveryClient(deps),
    }),
});

const deliveryEventsApi = ApiBlueprint.make({
  name: 'events',
  params: defineParams =>
    defineParams({
      api: deliveryEventsApiRef,
      deps: { delivery: deliveryApiRef, identity: identityApiRef },
      factory: createDeliveryEvents,
    }),
});

const deliveryPage = PageBlueprint.make({
  params: {
    path: '/delivery',
    title: 'Delivery',
    icon: <LocalShippingIcon fontSize="inherit" />,
    routeRef: rootRouteRef,
    loader: () =>
      import('./components/DeliveryPage/AlphaDeliveryPage').then(m => (
        <m.AlphaDeliveryPage />
      )),
  },
});

const entityDeliveryContent = EntityContentBlueprint.make({
  name: 'delivery',
  params: {
    path: '/delivery',
    title: 'Delivery',
    group: 'deployment',
    routeRef: entityDeliveryRouteRef,
    filter: delivered,
    loader: () =>
      import('./components/DeliveryTab').then(m => <m.DeliveryTab />),
  },
});

const entityDeliveryCard = EntityCardBlueprint.make({
  name: 'delivery',
  params: {
    filter: delivered,
    loader: () =>
      import('./components/EntityDeliveryCard').then(m => (
        <m.EntityDeliveryCard />
      )),
  },
});

/** @alpha */
export default createFrontendPlugin({
  pluginId: 'delivery',
  title: 'Delivery',
  icon: <LocalShippingIcon fontSize="inherit" />,
  info: { packageJson: () => import('../package.json') },
  routes: {
    root: rootRouteRef,
    environments: environmentsRouteRef,
    entityContent: entityDeliveryRouteRef,
  },
  externalRoutes: { catalogEntity: catalogEntityRouteRef },
  extensions: [
    deliveryApi,
    deliveryEventsApi,
    deliveryPage,
    entityDeliveryContent,
    entityDeliveryCard,
  ],
});
