/**
 * A real Prometheus for tests.
 *
 * @packageDocumentation
 */
export {
  missingForPrometheus,
  startPrometheus,
  type PrometheusServer,
} from './prometheusServer';
