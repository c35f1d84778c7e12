import { DeleteOptions, ObjectRef } from '../client';
import { TARGET_LABEL, targetLabel } from '../names';
import { assertWritable, WriteContext } from './fence';
import { WriteOptions } from './fencedApply';
import { isWritten, onceStill } from './onceStill';

/**
 * Deletes exactly what was read: neither a newer object of the same name nor
 * one that has been written since. Only what carries our target's label.
 *
 * Errors: as `fencedApply`; nothing when it does not exist.
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
