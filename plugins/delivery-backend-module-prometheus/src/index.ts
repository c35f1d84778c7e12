/**
 * Prometheus for Slipway.
 *
 * @packageDocumentation
 */
export { deliveryModulePrometheus as default } from './module';
export {
  createPrometheusClient,
  PrometheusQueryError,
  type InstantAnswer,
  type PrometheusClient,
} from './client';
export { createPrometheusProvider } from './provider';
export { builtinMetrics, type MetricSource, type SourceName } from './sources';
