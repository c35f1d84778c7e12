import { createHash } from 'node:crypto';
import { KubeObject } from '../client';
import { fencedPatch, WriteContext } from '../apply';
import { PodOwner } from '../health';
import {
  ADOPTED_ANNOTATION,
  ADOPTED_PODS_ANNOTATION,
  EPOCH_ANNOTATION,
  GENERATION_LABEL,
  REPLICAS_ANNOTATION,
  REVISION_ANNOTATION,
  ROLE_LABEL,
  TARGET_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import { LiveDeployment, readAdoptedPods } from './readTarget';

/*
 * A Deployment of the Plan's name that was there before us. It is marked, and so
 * seen as a generation that serves; its pods are not touched. Once another
 * generation has its traffic it is scaled to nothing and kept, with the number
 * that it had, for the way back.
 */

/** `adopted-1f0c9a2b`: the same Deployment is always the same generation. */
export function adoptedGeneration(object: KubeObject): string {
  const hash = createHash('sha256')
    .update(object.metadata.uid ?? object.metadata.name)
    .digest('hex')
    .slice(0, 8);
  return `adopted-${hash}`;
}

function fenceAnnotations({ target, fence }: WriteContext) {
  return {
    [TARGET_ANNOTATION]: stringifyTarget(target),
    [EPOCH_ANNOTATION]: String(fence.epoch),
    [REVISION_ANNOTATION]: String(fence.revision),
  };
}

/** Of which template its pods are, where they are all of one. */
async function podsOf(
  { client, signal }: WriteContext,
  object: PodOwner,
): Promise<string | undefined> {
  const pods = await readAdoptedPods(client, { object }, signal);
  const hashes = new Set(
    pods.map(({ metadata }) => metadata.labels?.['pod-template-hash']),
  );
  const [hash] = hashes;
  const revision =
    object.metadata.annotations?.['deployment.kubernetes.io/revision'];
  return hashes.size === 1 && hash && revision
    ? `${hash}/${revision}`
    : undefined;
}

/** Marks it as seen. Changes neither its spec nor its pods. */
export async function adopt(
  context: WriteContext,
  ref: { name: string },
): Promise<void> {
  const { client, namespace, signal } = context;
  const at = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: ref.name,
    namespace,
  };
  const found = (await client.get(at, signal)) as PodOwner | undefined;
  const pods = found && (await podsOf(context, found));
  await fencedPatch(context, at, (existing: PodOwner) => {
    const { labels, annotations } = existing.metadata;
    if (labels?.[TARGET_LABEL]) {
      return labels[ROLE_LABEL] === 'adopted' &&
        pods &&
        annotations?.[ADOPTED_PODS_ANNOTATION] !== pods
        ? { metadata: { annotations: { [ADOPTED_PODS_ANNOTATION]: pods } } }
        : undefined;
    }
    return {
      metadata: {
        labels: {
          [TARGET_LABEL]: targetLabel(context.target),
          [GENERATION_LABEL]: adoptedGeneration(existing),
          [ROLE_LABEL]: 'adopted',
        },
        annotations: {
          ...fenceAnnotations(context),
          [ADOPTED_ANNOTATION]: 'true',
          ...(pods && { [ADOPTED_PODS_ANNOTATION]: pods }),
        },
      },
    };
  });
}

/** Takes its instances away and remembers how many there were. */
export async function retire(
  context: WriteContext,
  { object }: LiveDeployment,
): Promise<void> {
  await fencedPatch(
    context,
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: object.metadata.name,
      namespace: context.namespace,
    },
    (existing: PodOwner) => {
      const replicas = existing.spec?.replicas ?? 1;
      return replicas === 0
        ? undefined
        : {
            metadata: {
              annotations: {
                ...fenceAnnotations(context),
                [REPLICAS_ANNOTATION]: `${replicas}/${replicas}`,
              },
            },
            spec: { replicas: 0 },
          };
    },
    { existing: object },
  );
}

/**
 * Gives it back: as many instances as it had, and no mark of ours. What it
 * serves is for the caller to wait for before anything else is taken away.
 */
export async function release(
  context: WriteContext,
  { object }: LiveDeployment,
): Promise<void> {
  await fencedPatch(
    context,
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: object.metadata.name,
      namespace: context.namespace,
    },
    (existing: PodOwner) => {
      const before = Number(
        existing.metadata.annotations?.[REPLICAS_ANNOTATION]?.split('/')[0],
      );
      const absent = (names: string[]) =>
        Object.fromEntries(names.map(name => [name, null]));
      return {
        metadata: {
          labels: absent([TARGET_LABEL, GENERATION_LABEL, ROLE_LABEL]),
          annotations: absent([
            TARGET_ANNOTATION,
            EPOCH_ANNOTATION,
            REVISION_ANNOTATION,
            ADOPTED_ANNOTATION,
            ADOPTED_PODS_ANNOTATION,
            REPLICAS_ANNOTATION,
          ]),
        },
        ...(existing.spec?.replicas === 0 &&
          before > 0 && { spec: { replicas: before } }),
      };
    },
    { existing: object },
  );
}
