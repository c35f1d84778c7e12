import { ConflictError } from '@backstage/errors';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { KubeObject, refOf } from '../client';
import {
  PLAN_ANNOTATION,
  ROLE_LABEL,
  SCALED_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
  TRACK_ANNOTATION,
} from '../names';
import { KubePlan } from '../plan';
import { WriteContext } from './fence';
import { fencedApply } from './fencedApply';
import { fencedPatch } from './fencedPatch';
import { PlanManifests } from './planManifests';

/**
 * Gives the Plan's scalers the Deployment that runs it, and marks the one whose
 * `spec.replicas` is a scaler's from now on. The Plan that was in force before
 * loses it by the same write, as a scaler is one object.
 *
 * Errors: `ConflictError` when nothing runs the Plan.
 */
export async function applyScalers(
  context: WriteContext,
  kubePlan: KubePlan,
  plan: Plan,
  manifests: PlanManifests,
): Promise<void> {
  const deployments = await workloadsOf(context);
  const { scalers } = kubePlan;
  const name = deploymentOf(deployments, plan) ?? '';
  if (scalers.length > 0 && !name) {
    throw new ConflictError(
      `Nothing of plan ${plan.id.slice(0, 10)} runs in namespace ${
        context.namespace
      }, so its ${scalers
        .map(({ object }) => object.kind)
        .join(', ')} has nothing to scale; it is tried again`,
    );
  }
  const scaling = scalers.find(({ scalesReplicas }) => scalesReplicas)?.object;
  const scaled = scaling && name;
  // First: a scaler may scale the moment it is there, and whoever sees that has
  // to know that it may.
  for (const deployment of deployments) {
    if (scaling && deployment.metadata.name === scaled) {
      await mark(
        context,
        deployment,
        `${scaling.kind}/${scaling.metadata.name}`,
      );
    }
  }
  for (const object of manifests.scalersFor(name)) {
    await fencedApply(context, refOf(object), () => object);
  }
  for (const deployment of deployments) {
    if (deployment.metadata.name !== scaled) {
      await mark(context, deployment, undefined);
    }
  }
}

/** Says on a Deployment what has its number of instances; `undefined`: we have. */
async function mark(
  context: WriteContext,
  existing: KubeObject,
  scaler: string | undefined,
): Promise<void> {
  if (existing.metadata.annotations?.[SCALED_ANNOTATION] !== scaler) {
    await fencedPatch(
      context,
      refOf(existing),
      () => ({
        metadata: { annotations: { [SCALED_ANNOTATION]: scaler ?? null } },
      }),
      { existing },
    );
  }
}

async function workloadsOf({
  client,
  target,
  namespace,
  signal,
}: WriteContext): Promise<KubeObject[]> {
  const { items } = await client.list(
    { apiVersion: 'apps/v1', kind: 'Deployment' },
    {
      namespace,
      labelSelector: `${TARGET_LABEL}=${targetLabel(
        target,
      )},${ROLE_LABEL}=workload`,
      metadataOnly: true,
    },
    signal,
  );
  return items.filter(({ metadata }) => !metadata.deletionTimestamp);
}

/** A restart is the same Plan twice: then stable is meant, else the newest. */
function deploymentOf(
  deployments: KubeObject[],
  plan: Plan,
): string | undefined {
  const rank = ({ metadata }: KubeObject) =>
    metadata.annotations?.[TRACK_ANNOTATION] === 'stable' ? 0 : 1;
  const [first] = deployments
    .filter(
      ({ metadata }) => metadata.annotations?.[PLAN_ANNOTATION] === plan.id,
    )
    .sort(
      (a, b) =>
        rank(a) - rank(b) ||
        Date.parse(b.metadata.creationTimestamp ?? '') -
          Date.parse(a.metadata.creationTimestamp ?? ''),
    );
  return first?.metadata.name;
}
