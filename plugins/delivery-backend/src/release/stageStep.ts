import { LeaseLostError, ReleaseRow } from '../store';
import { afterError } from './afterError';
import { hasCaches } from './caches';
import { readCheckpoint } from './checkpoint';
import { fetcherFor } from './createRelease';
import { attemptFolders } from './folders';
import { begin, complete, currentStage, finish, restart } from './progress';
import { Pulse } from './pulse';
import { clean, End, RunnerContext, write } from './runnerContext';
import { runStage } from './runStage';
import { createStageLog } from './stageLog';
import { Stage } from './types';

/** Caches that vanish so often are no accident; then the stage says so itself. */
const MAX_ATTEMPTS = 20;

/** One stage, from its begin to what it leads to. */
export async function stageStep(
  context: RunnerContext,
  pulse: Pulse,
  row: ReleaseRow,
  stage: Stage,
  redact: (text: string) => string,
): Promise<ReleaseRow | End> {
  const checkpoint = readCheckpoint(row);
  const folders = attemptFolders(
    context.workDirectory,
    row.id,
    checkpoint.attempt,
  );
  if (
    checkpoint.attempt < MAX_ATTEMPTS &&
    !(await hasCaches(stage, row, checkpoint, folders))
  ) {
    context.logger.info(
      `Release ${row.id}: the caches of attempt ${checkpoint.attempt} are not here; it starts again from the fetch`,
    );
    return write(context, pulse.lease, restart(row));
  }
  const running = await write(
    context,
    pulse.lease,
    begin(row, stage.name, context.nowMs()),
  );
  const { store, tuning, nowMs, logger } = context;
  const log = createStageLog({
    store,
    releaseId: row.id,
    stage: stage.name,
    limits: tuning.logLimits,
    redact,
    nowMs,
    logger,
  });
  try {
    const result = await runStage(
      stage,
      {
        release: running,
        checkpoint: readCheckpoint(running),
        folders,
        fetcher: fetcherFor(context.fetchers, checkpoint.source.repository),
        builders: context.builders,
        scanner: context.scanner,
        registry: context.registry,
        environments: context.environments,
        metrics: context.metrics,
        connections: context.connections,
        store,
        tuning,
        log: log.log,
        nowMs,
      },
      pulse.signal,
    );
    await log.close();
    return await endStage(context, pulse, running, stage, result);
  } catch (error) {
    if (pulse.signal.aborted && error === pulse.signal.reason) {
      await log.close();
      throw error;
    }
    if (error instanceof LeaseLostError) {
      throw error;
    }
    log.log(`${error instanceof Error ? error.message : error}`);
    await log.close();
    return afterError(context, pulse, running, stage, error, redact);
  }
}

async function endStage(
  context: RunnerContext,
  pulse: Pulse,
  running: ReleaseRow,
  stage: Stage,
  result: Awaited<ReturnType<Stage['run']>>,
): Promise<ReleaseRow | End> {
  const done = complete(running, stage.name, result, context.nowMs());
  if (currentStage(done)) {
    return write(context, pulse.lease, done);
  }
  const ready = finish(done, { status: 'ready', nowMs: context.nowMs() });
  await write(context, pulse.lease, ready, { ready: true, end: {} });
  await clean(context, ready);
  return {};
}
