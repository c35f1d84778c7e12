import { KubeObject, ObjectRef } from '../client';
import { FIELD_MANAGER } from '../names';
import { assertWritable, WriteContext } from './fence';
import { WriteOptions } from './fencedApply';
import { isWritten, onceStill } from './onceStill';

/**
 * Changes a few fields of what exists, as a merge patch over exactly what was
 * read. `make` answers `undefined` when nothing is to be done.
 *
 * Errors: as `fencedApply`; nothing when it does not exist.
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
