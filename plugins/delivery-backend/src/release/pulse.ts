import { LoggerService } from '@backstage/backend-plugin-api';
import { DeliveryStore, Lease, LeaseLostError } from '../store';
import { CancelRequested } from './stageErrors';
import { ReleaseTuning } from './types';

/** Keeps a lease while stages run, and listens for people meanwhile. */
export interface Pulse {
  readonly lease: Lease;
  /**
   * Aborts with `LeaseLostError`, with `CancelRequested`, or when the parent
   * does.
   */
  readonly signal: AbortSignal;
  stop(): void;
}

/**
 * Heart-beats three times a lease. When the database does not answer, our own
 * monotonic clock says how long the lease is certainly still ours.
 */
export async function startPulse(options: {
  store: Pick<DeliveryStore, 'work' | 'commands'>;
  lease: Lease;
  tuning: Pick<ReleaseTuning, 'leaseMs' | 'commandPollMs'>;
  parent: AbortSignal;
  logger: LoggerService;
}): Promise<Pulse> {
  const { store, tuning, parent, logger } = options;
  const { leaseMs, commandPollMs } = tuning;
  const controller = new AbortController();
  let lease = options.lease;
  let heldUntil = 0;
  let renewAt = 0;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function renew() {
    const before = performance.now();
    lease = await store.work.renew(lease, leaseMs);
    heldUntil = before + leaseMs;
    renewAt = before + leaseMs / 3;
  }

  async function beat() {
    try {
      if (performance.now() >= renewAt) {
        await renew();
      }
      const commands = await store.commands.pending([lease.id]);
      if (commands.some(({ verb }) => verb === 'cancel')) {
        controller.abort(
          new CancelRequested(`Release ${lease.id} is to be cancelled`),
        );
      }
    } catch (error) {
      if (error instanceof LeaseLostError) {
        controller.abort(error);
        return;
      }
      logger.warn(`The heart-beat of release ${lease.id} failed: ${error}`);
      if (performance.now() >= heldUntil) {
        controller.abort(
          new LeaseLostError(
            `The lease of release ${lease.id} ran out while the database did not answer`,
          ),
        );
      }
    }
  }

  function schedule() {
    if (stopped || controller.signal.aborted) {
      return;
    }
    timer = setTimeout(() => {
      void beat().then(schedule);
    }, Math.min(commandPollMs, leaseMs / 3));
    timer.unref();
  }

  const onParent = () => controller.abort(parent.reason);
  await renew();
  if (parent.aborted) {
    onParent();
  }
  parent.addEventListener('abort', onParent, { once: true });
  schedule();

  return {
    get lease() {
      return lease;
    },
    signal: controller.signal,
    stop() {
      stopped = true;
      clearTimeout(timer);
      parent.removeEventListener('abort', onParent);
    },
  };
}
