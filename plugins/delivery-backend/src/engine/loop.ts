import { LoggerService } from '@backstage/backend-plugin-api';
import { Lease } from '../store';
import { Clock, LoopStats } from './types';
import { WakeTimes } from './wakeTimes';

/** Claims due work and runs it, so many at a time. */
export interface WorkLoop {
  start(): void;
  stop(): Promise<void>;
  /** Ask for due work now. */
  wake(): void;
  /** Ask for due work at this time. */
  wakeAt(atMs: number): void;
  stats(): LoopStats;
}

const BACK_OFF_FIRST_MS = 100;
const BACK_OFF_CAP_MS = 5_000;
/** Wakes that come so close together share one claim. */
const CLAIM_EVERY_MS = 20;

/**
 * The loop outlives everything that it calls: a claim that fails is tried
 * again with back-off, a run that throws is counted, and the database may be
 * away for as long as it likes.
 *
 * It asks again when there is room for a part of a batch, not after each run:
 * a claim costs more than a tick of a target at rest.
 */
export function createWorkLoop(options: {
  name: string;
  claim: (limit: number) => Promise<Lease[]>;
  /** `claimedAt`: `performance.now()` before the claim. */
  run: (lease: Lease, claimedAt: number, signal: AbortSignal) => Promise<void>;
  concurrency: number;
  pollMs: number;
  logger: LoggerService;
  clock: Clock;
}): WorkLoop {
  const { name, claim, run, concurrency, pollMs, logger, clock } = options;
  const controller = new AbortController();
  const running = new Set<Promise<void>>();
  const roomWanted = Math.max(1, Math.floor(concurrency / 4));
  const stats: LoopStats = {
    name,
    active: 0,
    done: 0,
    failed: 0,
    consecutiveClaimFailures: 0,
  };
  const wakeTimes = new WakeTimes();
  let woken = false;
  /** The last claim was cut off by its limit, or there was no room for one. */
  let moreIsDue = false;
  let interrupt: (() => void) | undefined;
  let main: Promise<void> | undefined;

  function wake() {
    woken = true;
    interrupt?.();
  }

  /** One wait that `interrupt` cuts short. */
  async function wait(ms: number): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, Math.max(0, ms));
      interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    interrupt = undefined;
  }

  /** What becomes due in a moment is claimed together with what is due now. */
  async function gather(claimedAt: number): Promise<void> {
    await backOff(claimedAt + CLAIM_EVERY_MS - performance.now());
  }

  async function backOff(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (!controller.signal.aborted && performance.now() < until) {
      await wait(until - performance.now());
    }
  }

  /** Until somebody wakes us, known work is due, or it is time to ask anyway. */
  async function untilDue(): Promise<void> {
    const pollAt = performance.now() + pollMs;
    while (!controller.signal.aborted && !woken) {
      const earliest = wakeTimes.earliest();
      const dueInMs = earliest === undefined ? pollMs : earliest - clock.now();
      const waitMs = Math.min(pollAt - performance.now(), dueInMs);
      if (waitMs <= 0) {
        return;
      }
      await wait(waitMs);
    }
  }

  function begin(lease: Lease, claimedAt: number) {
    stats.active += 1;
    const work = run(lease, claimedAt, controller.signal)
      .then(
        () => {
          stats.done += 1;
        },
        error => {
          stats.failed += 1;
          stats.lastError = `${lease.kind} ${lease.id}: ${error}`;
          logger.error(`Work on ${lease.kind} ${lease.id} failed: ${error}`);
        },
      )
      .finally(() => {
        stats.active -= 1;
        running.delete(work);
        if (moreIsDue && concurrency - running.size >= roomWanted) {
          wake();
        }
      });
    running.add(work);
  }

  async function loop() {
    while (!controller.signal.aborted) {
      const room = concurrency - running.size;
      if (room < roomWanted) {
        // The end of a run wakes us; whoever woke us before it may be due.
        moreIsDue = true;
        await wait(pollMs);
        continue;
      }
      woken = false;
      wakeTimes.dropUntil(clock.now());
      let leases: Lease[];
      const claimedAt = performance.now();
      try {
        leases = await claim(room);
        stats.lastClaimAtMs = clock.now();
        stats.consecutiveClaimFailures = 0;
      } catch (error) {
        stats.consecutiveClaimFailures += 1;
        stats.lastError = `claim: ${error}`;
        const backOffMs = Math.min(
          BACK_OFF_CAP_MS,
          BACK_OFF_FIRST_MS * 2 ** Math.min(10, stats.consecutiveClaimFailures),
        );
        logger.warn(
          `Could not claim work for ${name}, again in ${backOffMs} ms: ${error}`,
        );
        await backOff(backOffMs * (0.5 + Math.random() / 2));
        continue;
      }
      for (const lease of leases) {
        begin(lease, claimedAt);
      }
      moreIsDue = leases.length >= room;
      if (!moreIsDue) {
        await untilDue();
        await gather(claimedAt);
      }
    }
  }

  return {
    start() {
      main ??= loop();
    },
    async stop() {
      controller.abort(new Error('The engine stops'));
      interrupt?.();
      await main;
      await Promise.all(running);
    },
    wake,
    wakeAt(atMs) {
      wakeTimes.add(atMs);
      if (wakeTimes.earliest() === atMs) {
        // The wait that is under way may be longer than that.
        interrupt?.();
      }
    },
    stats: () => ({ ...stats, active: running.size }),
  };
}
