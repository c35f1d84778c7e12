import { open } from 'node:fs/promises';
import { createGatherer } from './gather';

/**
 * Waits until what SQLite has committed lies on the disk.
 *
 * SQLite's own way (`synchronous = full`) is to wait for the disk within the
 * COMMIT, and its client has no other thread: while the disk is busy nothing
 * else goes on in the whole process. With `synchronous = normal` a COMMIT only
 * appends to the write-ahead log; syncing that file is all that `full` does
 * more (see "Write-Ahead Logging" in SQLite's manual, section 2.2), and the
 * file system does it without us. The log is written in order, so one sync is
 * good for all commits before it.
 *
 * The log carries none of SQLite's locks, so to open and close it is harmless.
 */
export function createWalSync(filename: string): () => Promise<void> {
  const log = `${filename}-wal`;
  const gather = createGatherer(
    async (items: undefined[]) => {
      const handle = await open(log, 'r+');
      try {
        await handle.datasync();
      } finally {
        await handle.close();
      }
      return items.map(value => ({ value }));
    },
    { mostTogether: Infinity },
  );
  return async () => {
    await gather(undefined);
  };
}
