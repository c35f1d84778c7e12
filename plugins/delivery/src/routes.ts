import {
  createExternalRouteRef,
  createRouteRef,
  createSubRouteRef,
} from '@backstage/core-plugin-api';

/** The Delivery page: inbox, estate and environments. @public */
export const rootRouteRef = createRouteRef({ id: 'delivery' });

/** The environments of the platform, on the Delivery page. @public */
export const environmentsRouteRef = createSubRouteRef({
  id: 'delivery.environments',
  parent: rootRouteRef,
  path: '/environments',
});

/** The Delivery tab of an entity. @public */
export const entityDeliveryRouteRef = createRouteRef({
  id: 'delivery.entity-content',
});

/** One deployment, below the Delivery tab of its entity. @public */
export const deploymentRouteRef = createSubRouteRef({
  id: 'delivery.entity-content.deployment',
  parent: entityDeliveryRouteRef,
  path: '/deployments/:deploymentId',
});

/** One release, below the Delivery tab of its entity. @public */
export const releaseRouteRef = createSubRouteRef({
  id: 'delivery.entity-content.release',
  parent: entityDeliveryRouteRef,
  path: '/releases/:releaseId',
});

/** The page of an entity, to lead to its Delivery tab. @public */
export const catalogEntityRouteRef = createExternalRouteRef({
  id: 'delivery.catalog-entity',
  params: ['namespace', 'kind', 'name'],
  optional: true,
  defaultTarget: 'catalog.catalogEntity',
});
