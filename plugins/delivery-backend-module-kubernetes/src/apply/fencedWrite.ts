import { ConflictError } from '@backstage/errors';
import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import { assertWritable, nameForPeople, WriteContext } from './fence';
import {
  DeleteOptions,
  isConflict,
  KubeClient,
  KubeObject,
  ObjectRef,
  refOf,
} from '../client';
import {
  ADOPTED_ANNOTATION,
  EPOCH_ANNOTATION,
  FIELD_MANAGER,
  REVISION_ANNOTATION,
  TARGET_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
} from '../names';
import { conflictsOf, describeConflicts, FieldConflict } from './owners';

/*
 * The one way in which the rooms `apply` and `workloads` write. See
 * docs/decisions/0008-kubernetes.md, "Fences".
 */

/** Status is written all the time, and raises the resourceVersion: read again so often. */
const MAX_TRIES = 8;

export interface WriteOptions {
  /** What was read of it already, to save a read. */
  existing?: KubeObject;
  /**
   * Its name holds the generation: made by POST, which cannot succeed twice,
   * and what has its name already must be ours.
   */
  ownName?: boolean;
  /** Fields of others that are taken without a person's word: what a scaler left. */
  mayTake?: (conflict: FieldConflict) => boolean;
}

/** Puts our marks on what is about to be written. */
function marked(
  context: WriteContext,
  object: KubeObject,
  existing: KubeObject | undefined,
): KubeObject {
  const { target, fence } = context;
  const wasThere =
    existing !== undefined &&
    (existing.metadata.labels?.[TARGET_LABEL] === undefined ||
      existing.metadata.annotations?.[ADOPTED_ANNOTATION] !== undefined);
  return {
    ...object,
    metadata: {
      ...object.metadata,
      labels: {
        ...object.metadata.labels,
        [TARGET_LABEL]: targetLabel(target),
      },
      annotations: {
        ...object.metadata.annotations,
        [TARGET_ANNOTATION]: stringifyTarget(target),
        [EPOCH_ANNOTATION]: String(fence.epoch),
        [REVISION_ANNOTATION]: String(fence.revision),
        ...(wasThere && { [ADOPTED_ANNOTATION]: 'true' }),
      },
    },
  };
}

/**
 * Reads an object and acts on exactly what was read, until nobody was faster.
 * `act` answers `undefined` to say that somebody was, and is asked again.
 */
async function onceStill<T>(
  { client, signal }: WriteContext,
  ref: ObjectRef,
  known: KubeObject | undefined,
  act: (existing: KubeObject | undefined) => Promise<{ done: T } | undefined>,
): Promise<T> {
  let existing = known;
  for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
    existing ??= await client.get(ref, signal);
    const result = await act(existing);
    if (result) {
      return result.done;
    }
    existing = undefined;
  }
  throw new ConflictError(
    `${nameForPeople(
      ref,
    )} was changed by others each time we read it, ${MAX_TRIES} times; it is tried again`,
  );
}

/** Whether it was written; `false`: somebody was faster. */
async function isWritten(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (isConflict(error)) {
      return false;
    }
    throw error;
  }
}

/**
 * Reads an object, refuses when its epoch is newer than ours, and applies what
 * `make` answers over exactly what was read. `make` answers `undefined` when
 * nothing is to be done. Fields of other managers are not taken, unless the
 * fence says so.
 *
 * Errors: `StaleEpochError`; `ConflictError` naming the other managers and
 * their fields, another target, or an object that never holds still; what the
 * client throws.
 */
export async function fencedApply(
  context: WriteContext,
  ref: ObjectRef,
  make: (existing: KubeObject | undefined) => KubeObject | undefined,
  options: WriteOptions = {},
): Promise<KubeObject | undefined> {
  return await onceStill(context, ref, options.existing, async existing => {
    if (existing) {
      assertWritable(context, existing);
      assertNotLeaving(ref, existing);
      if (options.ownName) {
        assertOurs(context, ref, existing);
      }
    }
    const object = make(existing);
    if (!object) {
      return { done: existing };
    }
    const body = marked(context, object, existing);
    const written = await attemptWrite(context, body, existing, options);
    return written && { done: written };
  });
}

function assertOurs(
  { fence }: WriteContext,
  ref: ObjectRef,
  existing: KubeObject,
): void {
  if (!existing.metadata.labels?.[TARGET_LABEL] && !fence.takeOver) {
    throw new ConflictError(
      `${nameForPeople(
        ref,
      )} exists and is not Slipway's: the label ${TARGET_LABEL} is missing. Delete or rename it, or take over`,
    );
  }
}

function assertNotLeaving(ref: ObjectRef, existing: KubeObject): void {
  if (existing.metadata.deletionTimestamp) {
    throw new ConflictError(
      `${nameForPeople(
        ref,
      )} is being deleted; it is made again once it is gone`,
    );
  }
}

/** `undefined`: somebody was faster, read again. */
async function attemptWrite(
  context: WriteContext,
  body: KubeObject,
  existing: KubeObject | undefined,
  { ownName, mayTake = () => false }: WriteOptions,
): Promise<KubeObject | undefined> {
  const { client, fence, signal } = context;
  const fieldManager = FIELD_MANAGER;
  try {
    if (!existing && ownName) {
      return await client.create(body, { fieldManager }, signal);
    }
    return await applyOver(client, body, existing, false, signal);
  } catch (error) {
    const conflicts = conflictsOf(error);
    if (!conflicts) {
      if (isConflict(error)) {
        return undefined;
      }
      throw error;
    }
    const foreign = conflicts.filter(
      // What we made by POST is ours under another operation.
      conflict => conflict.manager !== FIELD_MANAGER && !mayTake(conflict),
    );
    if (foreign.length > 0 && !fence.takeOver) {
      throw new ConflictError(
        `${nameForPeople(
          refOf(body),
        )} was changed by others: ${describeConflicts(
          foreign,
        )}. Nothing of it was written. Take over to make it Slipway's again, or have the other one give it up`,
      );
    }
  }
  try {
    return await applyOver(client, body, existing, true, signal);
  } catch (error) {
    if (isConflict(error)) {
      return undefined;
    }
    throw error;
  }
}

async function applyOver(
  client: KubeClient,
  body: KubeObject,
  existing: KubeObject | undefined,
  force: boolean,
  signal: AbortSignal,
): Promise<KubeObject> {
  const resourceVersion = existing?.metadata.resourceVersion;
  return await client.apply(
    {
      ...body,
      metadata: {
        ...body.metadata,
        ...(resourceVersion && { resourceVersion }),
      },
    },
    { fieldManager: FIELD_MANAGER, force },
    signal,
  );
}

/**
 * Changes a few fields of what exists, as a merge patch over exactly what was
 * read. `make` answers `undefined` when nothing is to be done.
 *
 * Errors: as {@link fencedApply}; nothing when it does not exist.
 */
export async function fencedPatch(
  context: WriteContext,
  ref: ObjectRef,
  make: (existing: KubeObject) => Record<string, unknown> | undefined,
  options: Pick<WriteOptions, 'existing'> = {},
): Promise<void> {
  const { client, signal } = context;
  await onceStill(context, ref, options.existing, async existing => {
    if (!existing || existing.metadata.deletionTimestamp) {
      return { done: undefined };
    }
    assertWritable(context, existing);
    const patch = make(existing);
    if (!patch) {
      return { done: undefined };
    }
    const metadata =
      typeof patch.metadata === 'object' && patch.metadata !== null
        ? patch.metadata
        : {};
    const written = await isWritten(
      client.patch(
        ref,
        {
          ...patch,
          metadata: {
            ...metadata,
            resourceVersion: existing.metadata.resourceVersion,
          },
        },
        { fieldManager: FIELD_MANAGER },
        signal,
      ),
    );
    return written ? { done: undefined } : undefined;
  });
}

/**
 * Deletes exactly what was read: neither a newer object of the same name nor
 * one that has been written since. Only what carries our target's label.
 *
 * Errors: as {@link fencedApply}; nothing when it does not exist.
 */
export async function fencedDelete(
  context: WriteContext,
  ref: ObjectRef,
  options: Pick<WriteOptions, 'existing'> & {
    propagation?: DeleteOptions['propagation'];
  } = {},
): Promise<void> {
  const { client, target, signal } = context;
  await onceStill(context, ref, options.existing, async existing => {
    if (!existing || existing.metadata.deletionTimestamp) {
      return { done: undefined };
    }
    assertWritable(context, existing);
    if (existing.metadata.labels?.[TARGET_LABEL] !== targetLabel(target)) {
      return { done: undefined };
    }
    const { uid, resourceVersion } = existing.metadata;
    const written = await isWritten(
      client.delete(
        ref,
        { uid, resourceVersion, propagation: options.propagation },
        signal,
      ),
    );
    return written ? { done: undefined } : undefined;
  });
}
