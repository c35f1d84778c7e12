import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { KubeClient } from '../client';
import { Pod, PodOwner } from '../health';
import {
  GENERATION_LABEL,
  ROLE_LABEL,
  TARGET_LABEL,
  targetLabel,
} from '../names';

import { withoutCopies } from './drift';

/** `workload`: ours; `adopted`: was there before us, and is given back. */
export type DeploymentRole = 'workload' | 'adopted';

export interface LiveDeployment {
  object: PodOwner;
  role: DeploymentRole;
  /** Whose pods it makes now. */
  generation: string;
  /** It keeps the Plan's name, and makes pods of one generation after the other. */
  inPlace: boolean;
}

/**
 * The Deployments of a target, from the API and not from a cache; without what
 * only carries its labels.
 */
export async function readDeployments(
  client: KubeClient,
  target: TargetRef,
  namespace: string,
  signal: AbortSignal,
): Promise<LiveDeployment[]> {
  const { ours } = await readAllDeployments(client, target, namespace, signal);
  return ours;
}

/** The same, with what only carries a target's labels. */
export async function readAllDeployments(
  client: KubeClient,
  target: TargetRef,
  namespace: string,
  signal: AbortSignal,
): Promise<{ ours: LiveDeployment[]; copies: LiveDeployment[] }> {
  const { items } = await client.list(
    { apiVersion: 'apps/v1', kind: 'Deployment' },
    { namespace, labelSelector: `${TARGET_LABEL}=${targetLabel(target)}` },
    signal,
  );
  const found = items.flatMap((object: PodOwner) => {
    const labels = object.metadata.labels ?? {};
    const role = labels[ROLE_LABEL];
    const generation = labels[GENERATION_LABEL];
    if (!generation || (role !== 'workload' && role !== 'adopted')) {
      return [];
    }
    return [
      {
        object,
        role,
        generation,
        inPlace:
          object.spec?.selector?.matchLabels?.[GENERATION_LABEL] === undefined,
      } as LiveDeployment,
    ];
  });
  return withoutCopies(found);
}

/** The pods that carry the target's label. */
export async function readPods(
  client: KubeClient,
  target: TargetRef,
  namespace: string,
  signal: AbortSignal,
): Promise<Pod[]> {
  const { items } = await client.list(
    { apiVersion: 'v1', kind: 'Pod' },
    { namespace, labelSelector: `${TARGET_LABEL}=${targetLabel(target)}` },
    signal,
  );
  return items;
}

/** Pods of an adopted Deployment: they were made before us, and carry no label of ours. */
export async function readAdoptedPods(
  client: KubeClient,
  { object }: Pick<LiveDeployment, 'object'>,
  signal: AbortSignal,
): Promise<Pod[]> {
  const { matchLabels = {} } = object.spec?.selector ?? {};
  const { items } = await client.list(
    { apiVersion: 'v1', kind: 'Pod' },
    {
      namespace: object.metadata.namespace,
      labelSelector: Object.entries(matchLabels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    },
    signal,
  );
  return items.filter(pod => isPodOf(pod, object));
}

/**
 * Whether a pod was made by this Deployment, by the name of its ReplicaSet:
 * `checkout-5d8f` is of `checkout`, `checkout-g1-5d8f` is not.
 */
export function isPodOf(pod: Pod, deployment: PodOwner): boolean {
  const prefix = `${deployment.metadata.name}-`;
  return (pod.metadata.ownerReferences ?? []).some(
    ({ kind, name }) =>
      kind === 'ReplicaSet' &&
      name.startsWith(prefix) &&
      !name.slice(prefix.length).includes('-'),
  );
}
