export * from './units';
export * from './metrics';
export * from './jsonSchema';
export {
  deliveryV1alpha1,
  V1ALPHA1,
  type DeliveryFileV1alpha1,
} from './v1alpha1';
export { readThreshold, THRESHOLD_FORMS } from './metricFields';
