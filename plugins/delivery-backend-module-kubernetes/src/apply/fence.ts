import { ConflictError } from '@backstage/errors';
import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  Fence,
  StaleEpochError,
} from '@slipway/backstage-plugin-delivery-node';
import { KubeClient, KubeObject, ObjectRef, refOf } from '../client';
import {
  EPOCH_ANNOTATION,
  REVISION_ANNOTATION,
  TARGET_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';

/** Who writes, where, and for which target. */
export interface WriteContext {
  client: KubeClient;
  target: TargetRef;
  namespace: string;
  fence: Fence;
  signal: AbortSignal;
}

export function nameForPeople({ kind, name, namespace }: ObjectRef): string {
  return namespace
    ? `${kind} "${name}" in namespace ${namespace}`
    : `${kind} "${name}"`;
}

/** The epoch of the last writer; 0 where nobody has written yet. */
export function epochOf(object: KubeObject): number {
  return Number(object.metadata.annotations?.[EPOCH_ANNOTATION] ?? 0) || 0;
}

/** The revision of the last write; 0 where nobody has written yet. */
export function revisionOf(object: KubeObject): number {
  return Number(object.metadata.annotations?.[REVISION_ANNOTATION] ?? 0) || 0;
}

/**
 * Whether we may write to an object at all.
 *
 * Errors: `StaleEpochError` when a newer epoch has written, `ConflictError`
 * when it is another target's.
 */
export function assertWritable(
  { target, fence }: Pick<WriteContext, 'target' | 'fence'>,
  existing: KubeObject,
): void {
  const owner = existing.metadata.labels?.[TARGET_LABEL];
  if (owner !== undefined && owner !== targetLabel(target)) {
    throw new ConflictError(
      `${nameForPeople(refOf(existing))} belongs to ${
        existing.metadata.annotations?.[TARGET_ANNOTATION] ?? owner
      }; one object can be of one target only, so give one of them another name or namespace`,
    );
  }
  const theirs = epochOf(existing);
  if (theirs > fence.epoch) {
    throw new StaleEpochError(fence.epoch, theirs);
  }
}
