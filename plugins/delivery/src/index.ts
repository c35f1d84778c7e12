/**
 * What people see of Slipway in Backstage: the legacy frontend system's entry,
 * and the references that both systems share. The new frontend system's entry
 * is `./alpha`.
 *
 * @packageDocumentation
 */
export {
  DeliveryPage,
  EntityDeliveryCard,
  EntityDeliveryTab,
  deliveryPlugin,
} from './plugin';
export { deliveryApiRef, deliveryEventsApiRef } from './api';
export type { DeliveryEvents, StreamStatus } from './events';
export {
  DELIVERY_DEFINITION_ANNOTATION,
  isDeliveryAvailable,
} from './annotation';
export {
  catalogEntityRouteRef,
  deploymentRouteRef,
  environmentsRouteRef,
  entityDeliveryRouteRef,
  releaseRouteRef,
  rootRouteRef,
} from './routes';
export { deliveryTranslationRef } from './translation';
