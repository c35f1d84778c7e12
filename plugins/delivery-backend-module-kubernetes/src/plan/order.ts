import { KubeObject } from '../client';

/*
 * What comes before what: a Kubernetes object may name others, and is refused
 * or waits where they are missing.
 */

/** Kinds that run once: applying them again is refused or does nothing. */
export const RUN_ONCE: ReadonlySet<string> = new Set(['Job', 'Pod']);

/** What pods cannot start without. */
const NEEDED_BY_PODS = [
  'ServiceAccount',
  'Secret',
  'SecretStore',
  'ExternalSecret',
  'SealedSecret',
  'SecretProviderClass',
  'PersistentVolumeClaim',
  'Role',
  'RoleBinding',
  'ResourceClaimTemplate',
];

const FIRST = [
  'CustomResourceDefinition',
  'Namespace',
  'PriorityClass',
  'LimitRange',
  'ResourceQuota',
  ...NEEDED_BY_PODS,
  'ConfigMap',
  'NetworkPolicy',
  'Service',
];

const LAST = [
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
  'ScaledObject',
  'VerticalPodAutoscaler',
  'CronJob',
  'Ingress',
];

function rank({ kind }: KubeObject): number {
  const first = FIRST.indexOf(kind);
  if (first >= 0) {
    return first;
  }
  return FIRST.length + 1 + LAST.indexOf(kind);
}

/** Sorted so that what is named comes before what names it; stable. */
export function inOrder<T extends KubeObject>(objects: T[]): T[] {
  return [...objects].sort((a, b) => rank(a) - rank(b));
}

/** Made before the pods when it does not exist yet. */
export function isNeededByPods({ kind }: KubeObject): boolean {
  return NEEDED_BY_PODS.includes(kind);
}
