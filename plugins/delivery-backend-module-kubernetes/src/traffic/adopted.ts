import { KubeObject } from '../client';
import { ADOPTED_PODS_ANNOTATION, ROLE_LABEL } from '../names';

/*
 * What was there before us serves until something of ours has the traffic. Its
 * pods carry no label of ours, and those of our first generation match its
 * Service as well: so while that comes up, the main Services select by the hash
 * that Kubernetes gives the pods of one template. That stays right as long as
 * nobody rolls what was there; then, and when nothing of ours runs any more,
 * they select as it does itself, as no request must be lost.
 */

export interface Adopted {
  /** What its own selector asks for. */
  labels: Record<string, string>;
  /** Of all its pods; absent while they are of several templates. */
  podTemplateHash?: string;
}

/** Of the Deployments of a target the one that was there before, while it runs. */
export function adoptedOf(deployments: KubeObject[]): Adopted | undefined {
  const found = deployments.find(
    ({ metadata, spec }) =>
      metadata.labels?.[ROLE_LABEL] === 'adopted' &&
      ((spec ?? {}) as { replicas?: number }).replicas !== 0,
  );
  if (!found) {
    return undefined;
  }
  const { selector } = (found.spec ?? {}) as {
    selector?: { matchLabels?: Record<string, string> };
  };
  const { replicas, updatedReplicas } = (found.status ?? {}) as {
    replicas?: number;
    updatedReplicas?: number;
  };
  const { annotations = {} } = found.metadata;
  const [hash, revision] = (annotations[ADOPTED_PODS_ANNOTATION] ?? '').split(
    '/',
  );
  const isOfOne =
    hash !== '' &&
    revision === annotations['deployment.kubernetes.io/revision'] &&
    replicas === updatedReplicas;
  return {
    labels: selector?.matchLabels ?? {},
    ...(isOfOne && { podTemplateHash: hash }),
  };
}

/** What a main Service selects while it serves: all of its pods, and none of ours. */
export function adoptedSelector(
  { labels, podTemplateHash }: Adopted,
  workloads: KubeObject[],
): Record<string, string> {
  return podTemplateHash && workloads.length > 0
    ? { ...labels, 'pod-template-hash': podTemplateHash }
    : labels;
}
