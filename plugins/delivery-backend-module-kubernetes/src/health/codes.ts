/**
 * Codes of health causes. They are stable: the engine, policies and people's
 * own tools may rely on them, so one is never renamed or given another meaning.
 */
export const HEALTH_CODES = [
  // The image
  'image-pull',
  'image-pull-auth',
  'image-pull-not-found',
  'image-pull-rate-limit',
  'image-pull-platform',
  'image-pull-unreachable',
  'image-name-invalid',
  // The container
  'crash-loop',
  'exited',
  'out-of-memory',
  'start-failed',
  'run-as-root-refused',
  'probe-failing',
  'readiness-gate',
  // What the pod refers to
  'configmap-missing',
  'secret-missing',
  'config-key-missing',
  'container-config',
  'service-account-missing',
  'volume-claim-missing',
  'volume-claim-unbound',
  'volume-mount-failed',
  'volume-attach-failed',
  // Where it should run
  'unschedulable',
  'unschedulable-resources',
  'unschedulable-taints',
  'unschedulable-placement',
  'unschedulable-ports',
  'scheduling-gated',
  'sandbox-failed',
  'evicted',
  'node-gone',
  'node-not-ready',
  // Whether it may exist
  'quota-exceeded',
  'limit-range',
  'pod-security',
  'admission-denied',
  'webhook-failing',
  'pod-refused',
  'progress-deadline',
  'paused',
  // Scaling and disruption
  'autoscaler-at-maximum',
  'autoscaler-without-metrics',
  'autoscaler-cannot-scale',
  'disruption-blocked',
  'disruption-never-allowed',
  // How it is reached
  'service-selects-nothing',
  'service-not-ready',
  'service-port-mismatch',
  'service-missing',
  'route-not-accepted',
  'route-backend-unresolved',
  'route-port-mismatch',
  'route-unseen',
  // What others have done
  'changed-by-others',
  'changed-by-admission',
  'another-copy',
  // What is not known
  'not-watched',
] as const;

/** One of {@link HEALTH_CODES}. */
export type HealthCode = (typeof HEALTH_CODES)[number];
