import { ConflictError } from '@backstage/errors';
import { isConflict, KubeObject, ObjectRef } from '../client';
import { nameForPeople, WriteContext } from './fence';

/*
 * The one way in which the rooms `apply` and `workloads` write, see
 * `fencedApply`, `fencedPatch` and `fencedDelete`; and
 * docs/decisions/0008-kubernetes.md, "Fences".
 */

/** Status is written all the time, and raises the resourceVersion: read again so often. */
const MAX_TRIES = 8;

/**
 * Reads an object and acts on exactly what was read, until nobody was faster.
 * `act` answers `undefined` to say that somebody was, and is asked again.
 */
export async function onceStill<T>(
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
export async function isWritten(write: Promise<unknown>): Promise<boolean> {
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
