import { ConflictError, InputError } from '@backstage/errors';
import { OperationView } from '@slipway/backstage-plugin-delivery-common';
import { fencedPatch } from '../apply';
import { refOf } from '../client';
import { Autoscaler, PodOwner } from '../health';
import {
  EPOCH_ANNOTATION,
  REPLICAS_ANNOTATION,
  REVISION_ANNOTATION,
  ROLE_LABEL,
  SCALED_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import { formatScale, parseScale } from '../workloads';
import { OperationArguments, OperationContext } from './context';

/** More than anybody means; the quota says what there really is. */
const MAX_REPLICAS = 1_000;

/** The Deployments of ours that run something. */
export function scalableOf(deployments: PodOwner[]): PodOwner[] {
  return deployments.filter(
    ({ metadata, spec }) =>
      metadata.labels?.[ROLE_LABEL] === 'workload' &&
      !metadata.deletionTimestamp &&
      (spec?.replicas ?? 1) > 0,
  );
}

/** What has the number of instances in its hands: `HorizontalPodAutoscaler/checkout`. */
export function scalerOf(
  { metadata }: PodOwner,
  autoscalers: Autoscaler[],
): string | undefined {
  const scaler = autoscalers.find(
    ({ spec }) =>
      spec?.scaleTargetRef?.kind === 'Deployment' &&
      spec.scaleTargetRef.name === metadata.name,
  );
  return (
    metadata.annotations?.[SCALED_ANNOTATION] ??
    (scaler && `${scaler.kind}/${scaler.metadata.name}`)
  );
}

/** Why nobody but the rollout, or the scaler, says how many instances run. */
function obstacleOf(
  stable: PodOwner,
  others: number,
  autoscalers: Autoscaler[],
): string | undefined {
  if (others > 0) {
    return `${
      others + 1
    } generations run here: while a rollout is under way it says how many instances each has. Scale when it has finished`;
  }
  const scaler = scalerOf(stable, autoscalers);
  return scaler
    ? `${scaler} decides how many instances run; change its minimum and maximum in the manifests instead`
    : undefined;
}

/** The verb as pages and terminals offer it; where it cannot be used, why. */
export function scaleOffer(
  stable: PodOwner,
  others: number,
  autoscalers: Autoscaler[],
): OperationView {
  const current = stable.spec?.replicas ?? 1;
  const asked = parseScale(
    stable.metadata.annotations?.[REPLICAS_ANNOTATION],
  )?.asked;
  const unavailable = obstacleOf(stable, others, autoscalers);
  return {
    id: 'scale',
    title: 'Scale',
    description: `Runs another number of instances than the ${current} now${
      asked !== undefined && asked !== current && !unavailable
        ? ` (${asked} in the manifests)`
        : ''
    }, until the next deployment brings back the number of its manifests`,
    destructive: false,
    arguments: [
      {
        name: 'replicas',
        title: 'Instances',
        type: 'integer',
        min: 1,
        max: MAX_REPLICAS,
        current,
      },
    ],
    ...(unavailable && { unavailable }),
  };
}

/**
 * Gives what runs another number of instances, over exactly what was read, so
 * that it never undoes what the engine has just written. The engine goes on to
 * count in what its Plan asks for; its next deployment brings that back.
 *
 * Errors: `InputError` for a number that makes none, `ConflictError` where a
 * scaler has the number, while a rollout is under way, or when nothing runs.
 */
export async function scale(
  { client, target, namespace, signal }: OperationContext,
  args: OperationArguments,
): Promise<{ message: string }> {
  const { replicas } = args;
  if (
    typeof replicas !== 'number' ||
    !Number.isInteger(replicas) ||
    replicas < 1 ||
    replicas > MAX_REPLICAS
  ) {
    throw new InputError(
      `The operation "scale" needs the argument "replicas", a whole number from 1 to ${MAX_REPLICAS}; found ${JSON.stringify(
        replicas,
      )}`,
    );
  }
  const ours = {
    namespace,
    labelSelector: `${TARGET_LABEL}=${targetLabel(target)}`,
  };
  const [deployments, autoscalers] = await Promise.all([
    client.list({ apiVersion: 'apps/v1', kind: 'Deployment' }, ours, signal),
    client.list(
      { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' },
      { namespace },
      signal,
    ),
  ]);
  const [stable, ...others] = scalableOf(deployments.items);
  if (!stable) {
    throw new ConflictError('Nothing runs here that could be scaled');
  }
  const obstacle = obstacleOf(stable, others.length, autoscalers.items);
  if (obstacle) {
    throw new ConflictError(obstacle);
  }
  const before = stable.spec?.replicas ?? 1;
  // We are not the engine: the fence is the one that the world has.
  const fence = {
    epoch: numberOf(stable, EPOCH_ANNOTATION),
    revision: numberOf(stable, REVISION_ANNOTATION),
  };
  await fencedPatch(
    { client, target, namespace, fence, signal },
    refOf(stable),
    ({ metadata }) => {
      const asked = parseScale(metadata.annotations?.[REPLICAS_ANNOTATION]);
      return {
        spec: { replicas },
        metadata: {
          annotations: {
            [REPLICAS_ANNOTATION]: formatScale({
              asked: asked?.asked ?? before,
              given: replicas,
            }),
          },
        },
      };
    },
    { existing: stable },
  );
  return {
    message: `Scaled from ${before} to ${replicas} instances, until the next deployment brings back the number of its manifests`,
  };
}

function numberOf({ metadata }: PodOwner, annotation: string): number {
  return Number(metadata.annotations?.[annotation] ?? 0) || 0;
}
