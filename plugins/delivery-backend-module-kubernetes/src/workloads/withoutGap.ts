import { PodOwner } from '../health';
import { GENERATION_LABEL } from '../names';
import { KubePlan, mapping } from '../plan';

/*
 * The strategy `Recreate` ends all pods before it makes new ones. Generations
 * have Deployments of their own, which are never rolled, so it means nothing
 * there. Where a Deployment in place is brought to other pods by us, nothing
 * would serve meanwhile: so then it is rolled without a gap, and has its own
 * strategy again afterwards.
 */

export const WITHOUT_GAP = {
  type: 'RollingUpdate',
  rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 },
};

/** Whether the manifests ask for all pods to end before new ones are made. */
export function isRecreated({ workload }: Pick<KubePlan, 'workload'>): boolean {
  return mapping(mapping(workload.spec).strategy).type === 'Recreate';
}

/** Whether pods serve there that are to be replaced by those of a generation. */
export function isBeingReplaced(
  existing: PodOwner | undefined,
  generation: string,
): boolean {
  const { replicas = 0, updatedReplicas = 0 } = existing?.status ?? {};
  const { labels } = existing?.metadata ?? {};
  const isOther = labels?.[GENERATION_LABEL] !== generation;
  return replicas > 0 && (isOther || replicas > updatedReplicas);
}

/** For the one who wrote it; `undefined`: there is nothing to say. */
export function tellRecreated(
  kubePlan: Pick<KubePlan, 'workload' | 'items'>,
): string | undefined {
  const { name } = kubePlan.workload.metadata;
  const item = kubePlan.items.find(
    ({ object }) =>
      object.kind === 'Deployment' && object.metadata.name === name,
  );
  return isRecreated(kubePlan)
    ? `${
        item?.place ?? `Deployment "${name}"`
      }: spec.strategy.type "Recreate" is not heeded: the new version runs beside the old one until it has the traffic, so that no request is lost. What must not run twice at once, as it holds a lock or a volume of its own, needs an environment of its own or a hook that stops the old one`
    : undefined;
}
