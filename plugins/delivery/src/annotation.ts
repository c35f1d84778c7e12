import { Entity, stringifyEntityRef } from '@backstage/catalog-model';
import { ServiceRef } from '@slipway/backstage-plugin-delivery-common';

/** Names the delivery definition of a component. @public */
export const DELIVERY_DEFINITION_ANNOTATION = 'slipway.dev/definition';

/** Whether the entity is delivered by Slipway. @public */
export function isDeliveryAvailable(entity: Entity): boolean {
  return Boolean(entity.metadata.annotations?.[DELIVERY_DEFINITION_ANNOTATION]);
}

/** The reference that the API uses for an entity. */
export function serviceRefOf(entity: Entity): ServiceRef {
  return stringifyEntityRef(entity);
}
