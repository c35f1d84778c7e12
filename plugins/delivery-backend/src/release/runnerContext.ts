import { CommandAnswer } from '@slipway/backstage-plugin-delivery-common';
import { Lease, ReleaseRow } from '../store';
import { removeRelease } from './folders';
import { ReleaseRunnerOptions, ReleaseTuning, StageContext } from './types';

/** What every part of a tick works with. */
export interface RunnerContext
  extends Pick<
    ReleaseRunnerOptions,
    | 'store'
    | 'fetchers'
    | 'builders'
    | 'scanner'
    | 'environments'
    | 'metrics'
    | 'connections'
    | 'workDirectory'
    | 'onReady'
    | 'logger'
  > {
  registry: StageContext['registry'];
  tuning: ReleaseTuning;
  nowMs(): number;
}

/** What a tick ends with: when to look again, if at all. */
export type End = { wakeAtMs?: number };

/** Saves the row and answers; together with the end of the tick, if it is one. */
export async function write(
  context: RunnerContext,
  lease: Lease,
  row: ReleaseRow,
  extra: { answers?: CommandAnswer[]; end?: End; ready?: boolean } = {},
): Promise<ReleaseRow> {
  return context.store.transaction(async tx => {
    const saved = await context.store.releases.save(lease, row, tx);
    if (extra.answers) {
      await context.store.commands.answer(extra.answers, tx);
    }
    if (extra.ready) {
      await context.onReady?.(saved, tx);
    }
    if (extra.end) {
      await context.store.work.release(lease, extra.end.wakeAtMs, tx);
    }
    return saved;
  });
}

/** Removes the folders of a release that ended; a failure is told only. */
export async function clean(
  context: RunnerContext,
  row: ReleaseRow,
): Promise<void> {
  try {
    await removeRelease(context.workDirectory, row.id);
  } catch (error) {
    context.logger.warn(`Could not clean up after release ${row.id}: ${error}`);
  }
}
