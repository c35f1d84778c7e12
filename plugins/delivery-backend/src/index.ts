/**
 * The delivery engine of Slipway as a Backstage backend plugin.
 *
 * @packageDocumentation
 */
export { deliveryPlugin as default } from './plugin';
export {
  createDeliveryEnvironmentConditionalDecision,
  createDeliveryServiceConditionalDecision,
  createDeliveryTargetConditionalDecision,
  deliveryEnvironmentConditions,
  deliveryEnvironmentResourceRef,
  deliveryServiceConditions,
  deliveryServiceResourceRef,
  deliveryTargetConditions,
  deliveryTargetResourceRef,
} from './api';
