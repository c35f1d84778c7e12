import { Drift, DriftedField } from '@slipway/backstage-plugin-delivery-common';
import { fieldsOfOthers, isWrittenByUs, ownedItem, ownersOf } from '../apply';
import { PodOwner } from '../health';
import {
  ADOPTED_ANNOTATION,
  FIELD_MANAGER,
  GENERATION_LABEL,
  IMAGES_ANNOTATION,
  LABEL_PREFIX,
  REPLICAS_ANNOTATION,
  SCALED_ANNOTATION,
} from '../names';
import { parseScale } from './deploymentManifest';
import { readImages } from './images';

/*
 * What of a target's Deployments is not as we wrote it, from the objects alone.
 * Who wrote which field is what the API server keeps; it knows programs, not
 * people. What others only add beside what a Plan says (notes, marks of their
 * tools in `metadata`) is theirs, and no drift; what reaches the pods is.
 */

/** What `kubectl` notes for itself, and a restart by it. */
const NOTES = /\.annotations\.(?:kubectl\.|deployment\.)?kubernetes\.io\//;
const MARKS = new RegExp(
  `^\\.metadata\\.(?:annotations|labels)\\.${LABEL_PREFIX.replace(
    '.',
    '\\.',
  )}/`,
);
const MOST_FIELDS = 6;
const REPLICAS = '.spec.replicas';
const IMAGE = /^\.spec\.template\.spec\.containers\[name="([^"]+)"\]\.image$/;
/** Scales for an autoscaler, which is asked for by the Plan. */
const AUTOSCALING = 'kube-controller-manager';

/**
 * Whether a field of a Deployment of ours is for us alone to set: what others
 * have there is drift, and goes away when it is put right. Not so numbers of
 * instances, which scalers give, and the notes of controllers and of `kubectl`,
 * a restart by it among them.
 */
export function isOurField(field: string): boolean {
  return (
    (field.startsWith('.spec.') &&
      // By another way of writing, and not only by a name: see `scaledByHand`.
      field !== REPLICAS &&
      !NOTES.test(field)) ||
    MARKS.test(field)
  );
}

/**
 * Sorts Deployments that carry a target's labels into ours and those that only
 * carry them, such as a copy that somebody has made with `kubectl`. A restored
 * cluster may have forgotten who wrote what: what stands alone is ours.
 */
export function withoutCopies<T extends { object: PodOwner }>(
  found: T[],
): { ours: T[]; copies: T[] } {
  const ours = found.filter(({ object }) =>
    isWrittenByUs(object.metadata.managedFields),
  );
  const copies = found.filter(
    ({ object }) =>
      !isWrittenByUs(object.metadata.managedFields) &&
      ours.some(
        other =>
          other.object.metadata.labels?.[GENERATION_LABEL] ===
          object.metadata.labels?.[GENERATION_LABEL],
      ),
  );
  return { ours: found.filter(one => !copies.includes(one)), copies };
}

/** What others have changed of a Deployment of ours. */
export function editsOf(deployment: PodOwner): Drift[] {
  return [...fieldEdits(deployment), ...scaledByHand(deployment)];
}

function fieldEdits(deployment: PodOwner): Drift[] {
  const { kind, metadata } = deployment;
  const about = `${kind}/${metadata.name}`;
  return fieldsOfOthers(metadata.managedFields).flatMap(
    ({ manager, atMs, fields }): Drift[] => {
      const changed = fields.filter(isOurField).sort(byWeight);
      return changed.length === 0
        ? []
        : [
            {
              kind: 'edited',
              about,
              message: `${kind} "${metadata.name}": ${listOf(changed)} changed`,
              by: manager,
              ...(atMs !== undefined && { atMs }),
              fields: changed.map(field => valuesOf(deployment, field)),
            },
          ];
    },
  );
}

/** What runs first: a list is cut off where it gets long. */
function byWeight(a: string, b: string): number {
  const weight = (field: string) =>
    [IMAGE.test(field), field.startsWith('.spec.'), true].indexOf(true);
  return weight(a) - weight(b) || (a < b ? -1 : 1);
}

/** Values are told of images only: any other field may hold a secret. */
function valuesOf({ spec }: PodOwner, field: string): DriftedField {
  const name = IMAGE.exec(field)?.[1];
  const { metadata, spec: podSpec } = spec?.template ?? {};
  const found = podSpec?.containers?.find(
    container => name !== undefined && container.name === name,
  )?.image;
  const expected =
    name === undefined
      ? undefined
      : readImages(metadata?.annotations?.[IMAGES_ANNOTATION]).get(name)
          ?.reference;
  return {
    field,
    ...(expected !== undefined && { expected }),
    ...(found !== undefined && { found }),
  };
}

/**
 * Another number of instances than we gave, as `kubectl scale` leaves it. Who
 * scales to 0 leaves no name: the API server drops the owner with the number.
 */
function scaledByHand({ kind, metadata, spec }: PodOwner): Drift[] {
  const { annotations = {}, managedFields, name } = metadata;
  const given = parseScale(annotations[REPLICAS_ANNOTATION])?.given;
  const found = spec?.replicas ?? 1;
  if (
    given === undefined ||
    found === given ||
    annotations[SCALED_ANNOTATION] ||
    annotations[ADOPTED_ANNOTATION]
  ) {
    return [];
  }
  const [owner] = ownersOf(managedFields, ['spec', 'replicas']);
  const isOurs =
    owner?.manager === FIELD_MANAGER || owner?.manager === AUTOSCALING;
  if (isOurs || (!owner && found > 0)) {
    return [];
  }
  return [
    {
      kind: 'edited',
      about: `${kind}/${name}`,
      message: `${kind} "${name}": ${REPLICAS} was set from ${given} to ${found}${
        owner ? '' : ' (kubectl scale; Kubernetes keeps no name for a 0)'
      }`,
      ...(owner && { by: owner.manager }),
      ...(owner?.atMs ? { atMs: owner.atMs } : {}),
      fields: [
        { field: REPLICAS, expected: String(given), found: String(found) },
      ],
    },
  ];
}

function listOf(fields: string[]): string {
  const more = fields.length - MOST_FIELDS;
  return `${fields.slice(0, MOST_FIELDS).join(', ')}${
    more > 0 ? ` and ${more} more` : ''
  }${fields.length === 1 ? ' was' : ' were'}`;
}

/**
 * Images of a Deployment that nobody else owns and that are not what we wrote:
 * a mutating admission (a webhook, a policy) changes them whenever they are
 * written. Kubernetes does not keep which one.
 */
export function rewrittenImages(deployment: PodOwner): Drift[] {
  const { template } = deployment.spec ?? {};
  const wanted = readImages(
    template?.metadata?.annotations?.[IMAGES_ANNOTATION],
  );
  const isEdited = fieldsOfOthers(deployment.metadata.managedFields).some(
    ({ fields }) =>
      fields.some(field => /\.containers\[.*\.image$/.test(field)),
  );
  return (template?.spec?.containers ?? []).flatMap(
    ({ name, image }): Drift[] => {
      const reference = wanted.get(name)?.reference;
      return reference && image && image !== reference && !isEdited
        ? [
            {
              kind: 'admission',
              about: `${deployment.kind}/${deployment.metadata.name}`,
              message: `${deployment.kind} "${deployment.metadata.name}": the image of container "${name}" is "${image}" and not "${reference}", and nobody has edited it: a mutating admission changes what is written`,
              fields: [
                {
                  field: `.spec.template.spec.containers[name="${name}"].image`,
                  expected: reference,
                  found: image,
                },
              ],
            },
          ]
        : [];
    },
  );
}

/**
 * Containers of a Deployment that nobody has written: an admission puts them
 * there whenever it is written, so they are told and never taken away. Needs to
 * know who owns which field, of everybody.
 */
export function injectedContainers(deployment: PodOwner): Drift[] {
  const { kind, metadata, spec } = deployment;
  const path = ['spec', 'template', 'spec', 'containers'];
  const isKnown = ownersOf(metadata.managedFields, path).length > 0;
  const isOwned = (name: string) =>
    ownedItem(metadata.managedFields, path, { name });
  return (spec?.template?.spec?.containers ?? [])
    .filter(({ name }) => isKnown && !isOwned(name))
    .map(({ name, image }) => ({
      kind: 'admission',
      about: `${kind}/${metadata.name}`,
      message: `${kind} "${metadata.name}": the container "${name}" was added, and nobody has written it: a mutating admission changes what is written`,
      fields: [
        {
          field: `.spec.template.spec.containers[name="${name}"]`,
          ...(image && { found: image }),
        },
      ],
    }));
}

/** Something with our labels that we have not made. */
export function copyDrift({ kind, metadata }: PodOwner): Drift {
  const [maker] = fieldsOfOthers(metadata.managedFields);
  return {
    kind: 'copy',
    about: `${kind}/${metadata.name}`,
    message: `${kind} "${metadata.name}" carries the labels of generation ${metadata.labels?.[GENERATION_LABEL]} and is not ours: its pods get requests too`,
    ...(maker && { by: maker.manager }),
    ...(maker?.atMs !== undefined && { atMs: maker.atMs }),
  };
}

/**
 * Whether a Deployment's pods are all of its present template: before that,
 * other pods than it asks for are on their way out.
 */
export function isSettled({ metadata, spec, status }: PodOwner): boolean {
  const wanted = spec?.replicas ?? 1;
  return (
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted
  );
}

/** Pods that run other bytes than their Deployment says, which is as we wrote it. */
export function rewrittenPods(
  deployment: PodOwner,
  mismatches: number,
): Drift[] {
  const drifted =
    mismatches > 0 &&
    isSettled(deployment) &&
    fieldEdits(deployment).length === 0 &&
    rewrittenImages(deployment).length === 0;
  return drifted
    ? [
        {
          kind: 'admission',
          about: `${deployment.kind}/${deployment.metadata.name}`,
          message: `Pods of ${deployment.kind} "${deployment.metadata.name}" run another image than it says: a mutating admission changes pods`,
        },
      ]
    : [];
}
