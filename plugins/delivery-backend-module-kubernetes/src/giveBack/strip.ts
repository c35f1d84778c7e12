import { fencedPatch, WriteContext } from '../apply';
import { KubeApiError, KubeObject, refOf } from '../client';
import {
  FIELD_MANAGER,
  LABEL_PREFIX,
  TARGET_LABEL,
  targetLabel,
  TRAFFIC_FIELD_MANAGER,
} from '../names';
import { mapping } from '../plan';

/* An object as it would be had we never written to it: its content stays. */

/** `null` for each of ours, as a merge patch takes things away. */
function withoutOurs(marks: unknown): Record<string, null> {
  return Object.fromEntries(
    Object.keys(mapping(marks))
      .filter(name => name.startsWith(`${LABEL_PREFIX}/`))
      .map(name => [name, null]),
  );
}

/**
 * Who owns its fields, without us. An object's list of owners cannot be empty
 * by patch: one empty entry means that nobody is left.
 */
function otherOwners({ metadata }: KubeObject) {
  const others = (metadata.managedFields ?? []).filter(
    ({ manager }) =>
      manager !== FIELD_MANAGER && manager !== TRAFFIC_FIELD_MANAGER,
  );
  return others.length > 0 ? others : [{}];
}

/** Whether anything of an object is still ours. */
export function isOwned({ metadata }: KubeObject): boolean {
  return (metadata.managedFields ?? []).some(
    ({ manager }) =>
      manager === FIELD_MANAGER || manager === TRAFFIC_FIELD_MANAGER,
  );
}

/**
 * Takes our labels, annotations and ownership off an object, and off the pod
 * template where it has one.
 *
 * `strategy`: of a Deployment, whose pods are replaced by that.
 */
export async function strip(
  context: WriteContext,
  object: KubeObject,
  { strategy }: { strategy?: Record<string, unknown> } = {},
): Promise<void> {
  await fencedPatch(
    context,
    refOf(object),
    existing => {
      const { labels, annotations } = existing.metadata;
      const template = mapping(mapping(existing.spec).template);
      const { metadata } = template;
      return {
        metadata: {
          labels: withoutOurs(labels),
          annotations: withoutOurs(annotations),
          managedFields: otherOwners(existing),
        },
        ...(metadata !== undefined && {
          spec: {
            ...(strategy && { strategy }),
            template: {
              metadata: {
                labels: withoutOurs(mapping(metadata).labels),
                annotations: withoutOurs(mapping(metadata).annotations),
              },
            },
          },
        }),
      };
    },
    { existing: object },
  );
}

/** All objects of one kind that carry the target's label. */
export async function listMarked(
  { client, target, namespace, signal }: WriteContext,
  kind: { apiVersion: string; kind: string },
): Promise<KubeObject[]> {
  try {
    const { items } = await client.list(
      kind,
      {
        namespace,
        labelSelector: `${TARGET_LABEL}=${targetLabel(target)}`,
      },
      signal,
    );
    return items.filter(({ metadata }) => !metadata.deletionTimestamp);
  } catch (error) {
    if (error instanceof KubeApiError && error.status === 404) {
      return [];
    }
    throw error;
  }
}
