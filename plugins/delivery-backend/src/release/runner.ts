import { createRegistryClient } from '@slipway/backstage-plugin-delivery-node';
import {
  CommandAnswer,
  Reason,
} from '@slipway/backstage-plugin-delivery-common';
import { Lease, LeaseLostError, ReleaseRow } from '../store';
import { hasCaches } from './caches';
import { readCheckpoint } from './checkpoint';
import { createReleaseSource, fetcherFor } from './createRelease';
import { attemptFolders, releasesWithFolders, removeRelease } from './folders';
import {
  begin,
  complete,
  currentStage,
  finish,
  putBack,
  restart,
  stageOf,
  stumble,
  TERMINAL,
} from './progress';
import { Pulse, startPulse } from './pulse';
import { createRedactor } from './redact';
import { runStage } from './runStage';
import {
  CancelRequested,
  failureOf,
  StageBlocked,
  StageFailure,
  StageTimeout,
} from './stageErrors';
import { createStageLog } from './stageLog';
import { STAGES } from './stages';
import { DEFAULT_RELEASE_TUNING } from './tuning';
import {
  ReleaseRunner,
  ReleaseRunnerOptions,
  ReleaseTuning,
  Stage,
} from './types';
import { applyCommands } from './verbs';

/*
 * One tick brings a release as far as it gets, in one process, because its
 * caches lie on this machine's disk. Between two stages, and before and after
 * each, the row says where things are; a process that is killed loses at most
 * the stage that was running, and that one may be run again.
 *
 * A row is written under the lease only. Once the lease is lost nothing is
 * written any more, and the stage is told to stop.
 *
 * Content that is bad ends the release (failed, blocked). What we could not do
 * is tried again after a while, then a person is asked (errored).
 */

/** Caches that vanish so often are no accident; then the stage says so itself. */
const MAX_ATTEMPTS = 20;

/** What a tick ends with: when to look again, if at all. */
type End = { wakeAtMs?: number };

export function createReleaseRunner(
  options: ReleaseRunnerOptions,
): ReleaseRunner {
  const { store, fetchers, builders, scanner, environments, logger } = options;
  const { workDirectory, onReady, registry: access } = options;
  const nowMs = options.clock ?? Date.now;
  const tuning: ReleaseTuning = {
    ...DEFAULT_RELEASE_TUNING,
    ...options.tuning,
  };
  const registry = access && { access, client: createRegistryClient(access) };
  const source = createReleaseSource({ store, fetchers, nowMs });
  let swept: Promise<void> | undefined;

  async function redactor() {
    try {
      const credentials = await access?.credentials?.();
      return createRedactor(credentials ? [credentials.password] : []);
    } catch (error) {
      logger.warn(`Could not read the registry's credentials: ${error}`);
      return createRedactor();
    }
  }

  /** Folders of releases that ended while nobody was there to clean up. */
  async function sweep() {
    for (const id of await releasesWithFolders(workDirectory)) {
      const row = await store.releases.get(id);
      if (!row || TERMINAL.includes(row.status)) {
        await removeRelease(workDirectory, id);
      }
    }
  }

  /** Saves the row and answers; together with the end of the tick, if it is one. */
  async function write(
    lease: Lease,
    row: ReleaseRow,
    extra: { answers?: CommandAnswer[]; end?: End; ready?: boolean } = {},
  ): Promise<ReleaseRow> {
    return store.transaction(async tx => {
      const saved = await store.releases.save(lease, row, tx);
      if (extra.answers) {
        await store.commands.answer(extra.answers, tx);
      }
      if (extra.ready) {
        await onReady?.(saved, tx);
      }
      if (extra.end) {
        await store.work.release(lease, extra.end.wakeAtMs, tx);
      }
      return saved;
    });
  }

  async function clean(row: ReleaseRow) {
    try {
      await removeRelease(workDirectory, row.id);
    } catch (error) {
      logger.warn(`Could not clean up after release ${row.id}: ${error}`);
    }
  }

  /** What the error of a stage leads to. */
  async function afterError(
    pulse: Pulse,
    row: ReleaseRow,
    stage: Stage,
    error: unknown,
    redact: (text: string) => string,
  ): Promise<ReleaseRow | End> {
    const { name } = stage;
    if (error instanceof StageBlocked || error instanceof StageFailure) {
      const ended = finish(row, {
        status: error instanceof StageBlocked ? 'blocked' : 'failed',
        stage: name,
        reason: redactReason(error.reason, redact),
        result: error.result,
        nowMs: nowMs(),
      });
      await write(pulse.lease, ended, { end: {} });
      await clean(row);
      return {};
    }
    const failure = failureOf(name, error);
    if (failure) {
      await write(
        pulse.lease,
        finish(row, {
          status: 'failed',
          stage: name,
          reason: redactReason(failure, redact),
          nowMs: nowMs(),
        }),
        { end: {} },
      );
      await clean(row);
      return {};
    }
    const message = redact(error instanceof Error ? error.message : `${error}`);
    logger.warn(`Release ${row.id}: stage ${name} errored: ${message}`);
    const stumbled = afterStumble(row, name, message);
    // A stage that went on past its limit may still write into its folders.
    const next =
      error instanceof StageTimeout && stumbled.row.status === 'running'
        ? keepStumble(restart(stumbled.row), stumbled.row, name)
        : stumbled.row;
    await write(pulse.lease, next, { end: { wakeAtMs: stumbled.wakeAtMs } });
    if (next.status === 'errored') {
      await clean(row);
    }
    return { wakeAtMs: stumbled.wakeAtMs };
  }

  /** Counts the try; the last one leaves the release to a person. */
  function afterStumble(row: ReleaseRow, name: Stage['name'], message: string) {
    const { retry } = readCheckpoint(row);
    const attempts = (retry?.stage === name ? retry.attempts : 0) + 1;
    const delayMs = tuning.retryDelaysMs[attempts - 1];
    const now = nowMs();
    const waitsUntilMs = now + tuning.erroredWaitMs;
    const nextAtMs = delayMs === undefined ? undefined : now + delayMs;
    const reason: Reason = {
      code: `${name}-errored`,
      message,
      action:
        delayMs === undefined
          ? `Tried ${attempts} times. Retry the release when the cause is gone, or cancel it.`
          : `Tried again in ${delayMs / 1_000} s (${attempts} of ${
              tuning.retryDelaysMs.length + 1
            } tries).`,
    };
    return {
      row: stumble(row, name, {
        reason,
        attempts,
        nextAtMs,
        waitsUntilMs,
        nowMs: now,
      }),
      wakeAtMs: nextAtMs ?? waitsUntilMs,
    };
  }

  /** One stage, from its begin to what it leads to. */
  async function stageStep(
    pulse: Pulse,
    row: ReleaseRow,
    stage: Stage,
    redact: (text: string) => string,
  ): Promise<ReleaseRow | End> {
    const checkpoint = readCheckpoint(row);
    const folders = attemptFolders(workDirectory, row.id, checkpoint.attempt);
    if (
      checkpoint.attempt < MAX_ATTEMPTS &&
      !(await hasCaches(stage, row, checkpoint, folders))
    ) {
      logger.info(
        `Release ${row.id}: the caches of attempt ${checkpoint.attempt} are not here; it starts again from the fetch`,
      );
      return write(pulse.lease, restart(row));
    }
    const running = await write(pulse.lease, begin(row, stage.name, nowMs()));
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
          fetcher: fetcherFor(fetchers, checkpoint.source.repository),
          builders,
          scanner,
          registry,
          environments,
          store,
          tuning,
          log: log.log,
          nowMs,
        },
        pulse.signal,
      );
      await log.close();
      return await endStage(pulse, running, stage, result);
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
      return afterError(pulse, running, stage, error, redact);
    }
  }

  async function endStage(
    pulse: Pulse,
    running: ReleaseRow,
    stage: Stage,
    result: Awaited<ReturnType<Stage['run']>>,
  ): Promise<ReleaseRow | End> {
    const done = complete(running, stage.name, result, nowMs());
    if (currentStage(done)) {
      return write(pulse.lease, done);
    }
    const ready = finish(done, { status: 'ready', nowMs: nowMs() });
    await write(pulse.lease, ready, { ready: true, end: {} });
    await clean(ready);
    return {};
  }

  /** Verbs, waits and leftovers of a killed process, before any stage runs. */
  async function prepare(
    pulse: Pulse,
    found: ReleaseRow,
  ): Promise<ReleaseRow | End> {
    const commands = await store.commands.pending([found.id]);
    const { row: told, answers } = applyCommands(found, commands, nowMs());
    let row = told;
    if (TERMINAL.includes(row.status)) {
      if (row === found) {
        await store.transaction(async tx => {
          await store.commands.answer(answers, tx);
          await store.work.release(pulse.lease, undefined, tx);
        });
      } else {
        await write(pulse.lease, row, { answers, end: {} });
      }
      await clean(row);
      return {};
    }
    const { retry, waitsUntilMs } = readCheckpoint(row);
    if (row.status === 'errored' && waitsUntilMs !== undefined) {
      if (nowMs() < waitsUntilMs) {
        return release(pulse, row, found, answers, waitsUntilMs);
      }
      row = finish(row, {
        status: 'cancelled',
        stage: currentStage(row),
        reason: {
          code: 'nobody-decided',
          message: `Nobody retried or cancelled the release in time after: ${
            row.reason?.message ?? 'an error'
          }`,
        },
        nowMs: nowMs(),
      });
      await write(pulse.lease, row, { answers, end: {} });
      await clean(row);
      return {};
    }
    const name = currentStage(row);
    if (name && stageOf(row, name).status === 'running') {
      // Whoever ran it is gone without a word; that counts as a try, so that a
      // stage that takes its process down with it does not do so for ever.
      const stumbled = afterStumble(
        row,
        name,
        `The backend stopped while the stage ${name} was running`,
      );
      if (stumbled.row.status === 'errored') {
        await write(pulse.lease, stumbled.row, {
          answers,
          end: { wakeAtMs: stumbled.wakeAtMs },
        });
        return {};
      }
      return write(pulse.lease, stumbled.row, { answers });
    }
    if (retry && retry.nextAtMs > nowMs()) {
      return release(pulse, row, found, answers, retry.nextAtMs);
    }
    return answers.length > 0 ? write(pulse.lease, row, { answers }) : row;
  }

  /** Nothing to do before `wakeAtMs`. */
  async function release(
    pulse: Pulse,
    row: ReleaseRow,
    found: ReleaseRow,
    answers: CommandAnswer[],
    wakeAtMs: number,
  ): Promise<End> {
    if (row !== found) {
      await write(pulse.lease, row, { answers, end: { wakeAtMs } });
    } else {
      await store.transaction(async tx => {
        await store.commands.answer(answers, tx);
        await store.work.release(pulse.lease, wakeAtMs, tx);
      });
    }
    return { wakeAtMs };
  }

  async function work(pulse: Pulse): Promise<void> {
    const found = await store.releases.get(pulse.lease.id);
    if (!found) {
      await store.work.release(pulse.lease, undefined);
      return;
    }
    const redact = await redactor();
    let step = await prepare(pulse, found);
    while ('id' in step) {
      const row: ReleaseRow = step;
      const stage = STAGES.find(({ name }) => name === currentStage(row));
      if (!stage) {
        throw new Error(`Release ${row.id} is ${row.status} without a stage`);
      }
      try {
        pulse.signal.throwIfAborted();
        step = await stageStep(pulse, row, stage, redact);
      } catch (error) {
        if (!pulse.signal.aborted || error !== pulse.signal.reason) {
          throw error;
        }
        step = await afterAbort(pulse, error);
      }
    }
  }

  /** The stage was told to stop: by a person, by the engine, or the lease is lost. */
  async function afterAbort(pulse: Pulse, error: unknown): Promise<End> {
    if (error instanceof LeaseLostError) {
      throw error;
    }
    const row = await store.releases.get(pulse.lease.id);
    if (!row) {
      return {};
    }
    if (error instanceof CancelRequested) {
      const commands = await store.commands.pending([row.id]);
      const told = applyCommands(row, commands, nowMs());
      const over = TERMINAL.includes(told.row.status);
      await write(pulse.lease, told.row, {
        answers: told.answers,
        end: over ? {} : { wakeAtMs: nowMs() },
      });
      if (over) {
        await clean(row);
      }
      return {};
    }
    const name = currentStage(row);
    const back = name ? putBack(row, name) : row;
    await write(pulse.lease, back, { end: { wakeAtMs: nowMs() } });
    return {};
  }

  return {
    async tick(lease, signal) {
      swept ??= sweep().catch(error => {
        logger.warn(`Could not clean up ${workDirectory}: ${error}`);
      });
      await swept;
      const pulse = await startPulse({
        store,
        lease,
        tuning,
        parent: signal,
        logger,
      });
      try {
        await work(pulse);
      } catch (error) {
        if (!(error instanceof LeaseLostError)) {
          throw error;
        }
        logger.warn(`Release ${lease.id} goes on elsewhere: ${error.message}`);
      } finally {
        pulse.stop();
      }
    },
    createRelease: request => source.createRelease(request),
    commits: (service, query) => source.commits(service, query),
  };
}

/** A restart that remembers why it was needed. */
function keepStumble(
  restarted: ReleaseRow,
  stumbled: ReleaseRow,
  name: Stage['name'],
): ReleaseRow {
  return {
    ...restarted,
    reason: stageOf(stumbled, name).reason,
  };
}

function redactReason(
  reason: Reason,
  redact: (text: string) => string,
): Reason {
  return {
    ...reason,
    message: redact(reason.message),
    ...(reason.evidence && {
      evidence: reason.evidence.split('\n').map(redact).join('\n'),
    }),
  };
}
