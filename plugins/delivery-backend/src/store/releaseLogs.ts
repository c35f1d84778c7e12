import { StoreContext } from './context';
import { chunks, toNumber } from './rows';
import { ReleasesStore } from './types';

const MAX_READ = 5000;

/** Log lines of a release's stages; written by the one worker that has it. */
export function createReleaseLogs(
  context: StoreContext,
): Pick<ReleasesStore, 'appendLog' | 'readLog'> {
  const { db } = context;
  return {
    async appendLog(id, stage, lines) {
      for (const chunk of chunks(lines, 500)) {
        await db()('release_logs').insert(
          chunk.map(line => ({
            release_id: id,
            stage,
            at_ms: line.atMs,
            // PostgreSQL has no NUL in text, and builds print what they like.
            text: line.text.replaceAll('\0', '\u2400'),
          })),
        );
      }
    },

    async readLog(id, stage, after, limit) {
      const rows: Array<{
        seq: number | string;
        at_ms: number | string;
        text: string;
      }> = await db()('release_logs')
        .where({ release_id: id, stage })
        .where('seq', '>', after)
        .orderBy('seq')
        .limit(Math.min(limit, MAX_READ))
        .select('seq', 'at_ms', 'text');
      return rows.map(row => ({
        seq: toNumber(row.seq),
        atMs: toNumber(row.at_ms),
        text: row.text,
      }));
    },
  };
}
