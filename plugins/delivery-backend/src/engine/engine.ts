import { randomUUID } from 'node:crypto';
import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import { createEngineContext } from './context';
import { createWorkLoop } from './loop';
import {
  observeDepths,
  StageMetrics,
  TickMetrics,
  TickOutcome,
} from './metrics';
import { createOutboxWorker } from './outbox';
import { wakeUnfinished } from './recovery';
import { runReleaseTick } from './releaseTick';
import { planAutomaticDeployments, requestDeployment } from './requests';
import { runTargetTick } from './targetTick';
import { Engine, EngineOptions } from './types';

const RECOVERY_EVERY_MS = 600_000;

/**
 * Durable execution. What was accepted is a row; a row that is due is claimed
 * with a lease and a growing epoch, looked at, moved on in one transaction, and
 * the world is brought to the latest desired state. Everything that this
 * process remembers may be lost at any time, and any number of processes may
 * do this at once.
 */
export function createEngine(options: EngineOptions): Engine {
  const { store, logger, releaseRunner } = options;
  const context = createEngineContext(options);
  const { clock, tuning } = context;
  const ticks = options.metrics && new TickMetrics(options.metrics);
  const stages = options.metrics && new StageMetrics(options.metrics);
  const owner = options.owner ?? `${process.pid}-${randomUUID()}`;
  const stopping = new AbortController();
  let running = false;
  let recoveryTimer: ReturnType<typeof setTimeout> | undefined;

  const outbox = createOutboxWorker({
    store,
    notifier: options.notifier,
    owner,
    pollMs: tuning.pollMs,
    logger,
    clock,
  });
  const targets = createWorkLoop({
    name: 'targets',
    claim: limit =>
      store.work.claim({
        owner,
        limit,
        leaseMs: tuning.leaseMs,
        kinds: ['target'],
      }),
    run: async (lease, claimedAt, signal) => {
      const { wakeAtMs, outcome } = await runTargetTick(
        context,
        lease,
        claimedAt,
        signal,
      );
      ticks?.ended(lease, outcome, clock.now());
      if (wakeAtMs !== undefined) {
        targets.wakeAt(wakeAtMs);
      }
    },
    concurrency: tuning.targetConcurrency,
    pollMs: tuning.pollMs,
    logger,
    clock,
  });
  // A build must not keep a rollout waiting: releases have workers of their own.
  const releases =
    releaseRunner &&
    createWorkLoop({
      name: 'releases',
      claim: limit =>
        store.work.claim({
          owner,
          limit,
          leaseMs: tuning.leaseMs,
          kinds: ['release'],
        }),
      run: async (lease, claimedAt, parent) => {
        const startedAtMs = clock.now();
        let outcome: TickOutcome = 'failed';
        try {
          outcome = await runReleaseTick({
            store,
            runner: releaseRunner,
            lease,
            leaseMs: tuning.leaseMs,
            claimedAt,
            parent,
            logger,
          });
        } finally {
          ticks?.ended(lease, outcome, clock.now());
        }
        if (stages) {
          const row = await store.releases.get(lease.id);
          stages.worked(row?.stages ?? [], startedAtMs);
        }
        // One unit of work of it is done; the next is due, and so may be
        // the deployments that it started.
        releases?.wake();
        targets.wake();
      },
      concurrency: tuning.releaseConcurrency,
      pollMs: tuning.pollMs,
      logger,
      clock,
    });

  context.onNews = () => outbox.wake();
  context.onPoke = () => targets.wake();

  const stats = () => [
    targets.stats(),
    ...(releases ? [releases.stats()] : []),
  ];
  let depths: ReturnType<typeof observeDepths> | undefined;

  function wake() {
    targets.wake();
    releases?.wake();
  }

  async function recover() {
    try {
      const woken = await wakeUnfinished(store, stopping.signal);
      if (woken.length > 0) {
        logger.info(
          `Woke ${woken.length} targets that were unfinished and asleep`,
        );
        targets.wake();
      }
    } catch (error) {
      logger.warn(`Could not look for unfinished deployments: ${error}`);
    }
    if (!stopping.signal.aborted) {
      recoveryTimer = setTimeout(recover, RECOVERY_EVERY_MS);
      recoveryTimer.unref?.();
    }
  }

  return {
    start() {
      if (running || stopping.signal.aborted) {
        return;
      }
      running = true;
      depths =
        options.metrics &&
        observeDepths({
          metrics: options.metrics,
          store,
          inFlight: () => stats().reduce((sum, { active }) => sum + active, 0),
          logger,
        });
      // What other backends and the API write shows in the feed.
      store.feed.subscribe(wake, stopping.signal);
      targets.start();
      releases?.start();
      outbox.start();
      void recover();
    },
    async stop() {
      stopping.abort(new Error('The engine stops'));
      clearTimeout(recoveryTimer);
      depths?.stop();
      await Promise.all([targets.stop(), releases?.stop(), outbox.stop()]);
      running = false;
    },
    poke(target) {
      store.work.poke('target', stringifyTarget(target)).then(
        () => targets.wake(),
        error =>
          logger.warn(`Could not poke ${stringifyTarget(target)}: ${error}`),
      );
    },
    wake,
    async requestDeployment(request) {
      const deployment = await requestDeployment(context, request);
      targets.wake();
      return deployment;
    },
    planAutomaticDeployments: (release, tx) =>
      planAutomaticDeployments(context, release, tx),
    stats: () => ({
      running,
      loops: stats(),
    }),
  };
}
