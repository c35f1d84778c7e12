import { ConflictError } from '@backstage/errors';
import {
  isConflict,
  KubeClient,
  KubeObject,
  ObjectRef,
  refOf,
} from '../client';
import { ADOPTED_ANNOTATION, FIELD_MANAGER, TARGET_LABEL } from '../names';
import { assertWritable, nameForPeople, WriteContext } from './fence';
import { marked } from './marks';
import { onceStill } from './onceStill';
import { conflictsOf, describeConflicts, FieldConflict } from './owners';
import { IsTaken, takeFields, Taken } from './takeFields';

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
  /**
   * What others have added there and what goes away when the fence says to take
   * over; see `takeFields`. Default: nothing, as an apply leaves it.
   */
  takesAway?: IsTaken;
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
    const taken = await takeAway(context, existing, options);
    if (!taken) {
      return undefined;
    }
    try {
      const written = await attemptWrite(context, body, taken.object, options);
      return written && { done: written };
    } catch (error) {
      await taken.giveBack();
      throw error;
    }
  });
}

/** `undefined`: somebody was faster. */
async function takeAway(
  context: WriteContext,
  existing: KubeObject | undefined,
  { takesAway }: WriteOptions,
): Promise<Taken | undefined> {
  // What was there before us keeps what it had.
  const isAdopted =
    existing?.metadata.annotations?.[ADOPTED_ANNOTATION] !== undefined;
  return existing && takesAway && context.fence.takeOver && !isAdopted
    ? await takeFields(context, existing, takesAway)
    : { object: existing, giveBack: async () => undefined };
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
    // To be refused first would leave others more time to be faster, for ever
    // where the API server is slow and a status changes all the time.
    const force = fence.takeOver === true;
    return await applyOver(client, body, existing, force, signal);
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
    if (foreign.length > 0) {
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
