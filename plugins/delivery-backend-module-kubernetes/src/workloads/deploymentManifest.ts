import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { KubeObject } from '../client';
import {
  GENERATION_LABEL,
  generationName,
  IMAGES_ANNOTATION,
  PLAN_ANNOTATION,
  RELEASE_ANNOTATION,
  REPLICAS_ANNOTATION,
  ROLE_LABEL,
  RUN_ANNOTATION,
  SCALED_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
  TRACK_ANNOTATION,
} from '../names';
import { containersOf, KubePlan, textOf } from '../plan';
import { Basis, formatBasis, SIZED_ANNOTATION } from './sized';

export interface GenerationWish {
  generation: string;
  plan: Plan;
  track: string;
  replicas: number;
}

/** What a rollout that Kubernetes leads says about the Deployment in place. */
export interface InPlace {
  /** Its key. */
  run?: string;
  paused?: boolean;
  progressDeadlineSeconds?: number;
  strategy?: Record<string, unknown>;
}

/** How many instances a generation gets, and how many the engine asked for. */
export interface Scale {
  asked: number;
  given: number;
  /** What has `spec.replicas` instead of us: `HorizontalPodAutoscaler/checkout`. */
  scaler?: string;
  /** What `given` was reckoned from. */
  basis?: Basis;
}

export function formatScale({ asked, given }: Scale): string {
  return `${asked}/${given}`;
}

/** Errors: none; what somebody has edited beyond reading is `undefined`. */
export function parseScale(
  text: string | undefined,
): Pick<Scale, 'asked' | 'given'> | undefined {
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text ?? '');
  return match
    ? { asked: Number(match[1]), given: Number(match[2]) }
    : undefined;
}

/** Container name to the image's name in the definition and what it stands for. */
function imagesOf(
  podSpec: Record<string, unknown>,
  images: Record<string, string>,
): Record<string, [string, string]> {
  const names = new Map(
    Object.entries(images).map(([name, reference]) => [reference, name]),
  );
  return Object.fromEntries(
    containersOf(podSpec).flatMap(({ container }) => {
      const reference = textOf(container.image) ?? '';
      const image = names.get(reference);
      const name = textOf(container.name);
      return image && name
        ? [[name, [image, reference]] as [string, [string, string]]]
        : [];
    }),
  );
}

/**
 * The Deployment of a generation: one of its own, or the Plan's in its place.
 *
 * Of its own, the generation's label is in the selector, so that no two
 * generations ever count each other's pods. In place it is on the pods only,
 * as a selector cannot change.
 */
export function generationDeployment(options: {
  kubePlan: KubePlan;
  target: TargetRef;
  namespace: string;
  wish: GenerationWish;
  scale: Scale;
  inPlace?: InPlace;
}): KubeObject {
  const { kubePlan, target, namespace, wish, scale, inPlace } = options;
  const { workload } = kubePlan;
  const { generation, plan, track } = wish;
  const { selector, template, ...spec } = workload.spec;
  const ours = {
    [TARGET_LABEL]: targetLabel(target),
    [GENERATION_LABEL]: generation,
  };
  const { name } = workload.metadata;
  return {
    ...workload,
    metadata: {
      ...workload.metadata,
      name: inPlace ? name : generationName(name, generation),
      namespace,
      labels: {
        ...workload.metadata.labels,
        ...ours,
        [ROLE_LABEL]: 'workload',
      },
      annotations: {
        ...workload.metadata.annotations,
        [TRACK_ANNOTATION]: track,
        [PLAN_ANNOTATION]: plan.id,
        [RELEASE_ANNOTATION]: plan.releaseId,
        [REPLICAS_ANNOTATION]: formatScale(scale),
        ...(scale.scaler && { [SCALED_ANNOTATION]: scale.scaler }),
        ...(scale.basis &&
          !inPlace && { [SIZED_ANNOTATION]: formatBasis(scale.basis) }),
        ...(inPlace?.run && { [RUN_ANNOTATION]: inPlace.run }),
      },
    },
    spec: {
      ...spec,
      replicas: scale.given,
      selector: inPlace
        ? selector
        : {
            ...selector,
            matchLabels: {
              ...selector.matchLabels,
              [GENERATION_LABEL]: generation,
            },
          },
      template: {
        ...template,
        metadata: {
          ...template.metadata,
          labels: { ...template.metadata.labels, ...ours },
          annotations: {
            ...template.metadata.annotations,
            [PLAN_ANNOTATION]: plan.id,
            [RELEASE_ANNOTATION]: plan.releaseId,
            [IMAGES_ANNOTATION]: JSON.stringify(
              imagesOf(template.spec, plan.images),
            ),
          },
        },
      },
      ...(inPlace?.strategy && { strategy: inPlace.strategy }),
      ...(inPlace && { paused: inPlace.paused ?? false }),
      ...(inPlace?.progressDeadlineSeconds && {
        progressDeadlineSeconds: inPlace.progressDeadlineSeconds,
      }),
    },
  };
}
