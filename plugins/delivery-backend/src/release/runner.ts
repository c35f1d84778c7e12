import { createRegistryClient } from '@slipway/backstage-plugin-delivery-node';
import { LeaseLostError, ReleaseRow } from '../store';
import { afterAbort } from './afterAbort';
import { createReleaseSource } from './createRelease';
import { releasesWithFolders, removeRelease } from './folders';
import { prepareTick } from './prepareTick';
import { currentStage, TERMINAL } from './progress';
import { Pulse, startPulse } from './pulse';
import { createRedactor } from './redact';
import { RunnerContext } from './runnerContext';
import { STAGES } from './stages';
import { stageStep } from './stageStep';
import { DEFAULT_RELEASE_TUNING } from './tuning';
import { ReleaseRunner, ReleaseRunnerOptions } from './types';

/*
 * One tick brings a release as far as it gets, in one process, because its
 * caches lie on this machine's disk. Between two stages, and before and after
 * each, the row says where things are; a process that is killed loses at most
 * the stage that was running, and that one may be run again.
 *
 * A row is written under the lease only. Once the lease is lost nothing is
 * written any more, and the stage is told to stop.
 */

export function createReleaseRunner(
  options: ReleaseRunnerOptions,
): ReleaseRunner {
  const { store, fetchers, workDirectory, logger, registry: access } = options;
  const nowMs = options.clock ?? Date.now;
  const tuning = { ...DEFAULT_RELEASE_TUNING, ...options.tuning };
  const context: RunnerContext = {
    ...options,
    registry: access && { access, client: createRegistryClient(access) },
    tuning,
    nowMs,
  };
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

  async function work(pulse: Pulse): Promise<void> {
    const found = await store.releases.get(pulse.lease.id);
    if (!found) {
      await store.work.release(pulse.lease, undefined);
      return;
    }
    const redact = await redactor();
    let step = await prepareTick(context, pulse, found);
    while ('id' in step) {
      const row: ReleaseRow = step;
      const stage = STAGES.find(({ name }) => name === currentStage(row));
      if (!stage) {
        throw new Error(`Release ${row.id} is ${row.status} without a stage`);
      }
      try {
        pulse.signal.throwIfAborted();
        step = await stageStep(context, pulse, row, stage, redact);
      } catch (error) {
        if (!pulse.signal.aborted || error !== pulse.signal.reason) {
          throw error;
        }
        step = await afterAbort(context, pulse, error);
      }
    }
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
