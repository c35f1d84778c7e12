/**
 * Prometheus for Slipway.
 *
 * @packageDocumentation
 */
export { deliveryModulePrometheus as default } from './module';
