/**
 * The delivery engine of Slipway as a Backstage backend plugin.
 *
 * @packageDocumentation
 */
export { deliveryPlugin as default } from './plugin';
export {
  createDeliveryServiceConditionalDecision,
  createDeliveryTargetConditionalDecision,
  deliveryServiceConditions,
  deliveryServiceResourceRef,
  deliveryTargetConditions,
  deliveryTargetResourceRef,
} from './api';
