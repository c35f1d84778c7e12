import { ConflictError } from '@backstage/errors';
import { fencedApply, FieldConflict, ownersOf, WriteContext } from '../apply';
import { PodOwner } from '../health';
import {
  ADOPTED_ANNOTATION,
  GENERATION_LABEL,
  generationName,
  REPLICAS_ANNOTATION,
  RUN_ANNOTATION,
} from '../names';
import { KubePlan, mapping } from '../plan';
import {
  generationDeployment,
  GenerationWish,
  InPlace,
  parseScale,
} from './deploymentManifest';
import { isOurField } from './drift';
import { LiveDeployment } from './readTarget';
import { scaledNow, scaleOf } from './scale';
import { Session } from './session';
import { isBeingReplaced, isRecreated, WITHOUT_GAP } from './withoutGap';

/** A Deployment of the generation's own: made once, scaled, never rolled. */
export async function ensureOwn(
  session: Session,
  kubePlan: KubePlan,
  wish: GenerationWish,
): Promise<void> {
  const name = generationName(kubePlan.workload.metadata.name, wish.generation);
  await applyDeployment(session, kubePlan, wish, { name, ownName: true });
}

/** What is in place is replaced by this generation, as Kubernetes does that. */
export async function ensureInPlace(
  session: Session,
  kubePlan: KubePlan,
  wish: GenerationWish,
): Promise<void> {
  const { name } = kubePlan.workload.metadata;
  const current = session.deployments.find(
    ({ object, role }) => object.metadata.name === name && role === 'workload',
  );
  if (
    wish.replicas === 0 &&
    (!current || current.generation !== wish.generation)
  ) {
    return;
  }
  await applyDeployment(session, kubePlan, wish, {
    name,
    inPlace: existing => ({
      ...(isRecreated(kubePlan) &&
        isBeingReplaced(existing, wish.generation) && {
          strategy: WITHOUT_GAP,
        }),
      ...keptOfRun(existing, wish.generation),
    }),
  });
}

/** The one way in which a generation's Deployment is brought to its size. */
async function applyDeployment(
  { context, deployments }: Session,
  kubePlan: KubePlan,
  wish: GenerationWish,
  options: {
    name: string;
    ownName?: boolean;
    inPlace?: (existing: PodOwner | undefined) => InPlace;
  },
): Promise<void> {
  const { client, target, namespace, signal } = context;
  const { name, ownName, inPlace } = options;
  const scaled = await scaledNow(client, kubePlan, namespace, signal);
  await fencedApply(
    context,
    { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace },
    (existing: PodOwner | undefined) => {
      assertNotScaledAway(context, existing);
      return generationDeployment({
        kubePlan,
        target,
        namespace,
        wish,
        scale: scaleOf({ wish, kubePlan, name, existing, scaled, deployments }),
        inPlace: inPlace?.(existing),
      });
    },
    {
      ownName,
      existing: named(deployments, name),
      mayTake: isLeftByScaler,
      takesAway: isOurField,
    },
  );
}

/**
 * A scaler that does not have this Deployment any more: while it has, what it
 * gave is applied as it is, and so is no conflict. `kubectl scale` writes the
 * same field by another way.
 */
function isLeftByScaler({ field, manager }: FieldConflict): boolean {
  return field === '.spec.replicas' && manager === 'kube-controller-manager';
}

/**
 * Who scales to 0 leaves no name: the API server drops the owner together with
 * the number, and no apply would see a conflict.
 *
 * Errors: `ConflictError`, unless a person said to take over.
 */
function assertNotScaledAway(
  { fence }: WriteContext,
  existing: PodOwner | undefined,
): void {
  const { annotations, managedFields, name } = existing?.metadata ?? {};
  const given = parseScale(annotations?.[REPLICAS_ANNOTATION])?.given ?? 0;
  if (
    existing?.spec?.replicas === 0 &&
    given > 0 &&
    !annotations?.[ADOPTED_ANNOTATION] &&
    ownersOf(managedFields, ['spec', 'replicas']).length === 0 &&
    !fence.takeOver
  ) {
    throw new ConflictError(
      `Deployment "${name}" was changed by others: .spec.replicas was set from ${given} to 0 (kubectl scale). Nothing of it was written. Take over to make it Slipway's again`,
    );
  }
}

function named(
  deployments: LiveDeployment[],
  name: string,
): PodOwner | undefined {
  return deployments.find(({ object }) => object.metadata.name === name)
    ?.object;
}

/** What the rollout that brought a generation in place has said about it stays. */
function keptOfRun(
  existing: PodOwner | undefined,
  generation: string,
): InPlace {
  const run = existing?.metadata.annotations?.[RUN_ANNOTATION];
  const isSame = existing?.metadata.labels?.[GENERATION_LABEL] === generation;
  const { strategy, progressDeadlineSeconds } = mapping(existing?.spec);
  return run && isSame
    ? {
        run,
        strategy: mapping(strategy),
        progressDeadlineSeconds: Number(progressDeadlineSeconds),
      }
    : {};
}
