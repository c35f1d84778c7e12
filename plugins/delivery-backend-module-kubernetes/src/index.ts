/**
 * Kubernetes for Slipway.
 *
 * @packageDocumentation
 */
export { deliveryModuleKubernetes as default } from './module';
