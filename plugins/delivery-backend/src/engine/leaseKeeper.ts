import { LoggerService } from '@backstage/backend-plugin-api';
import { DeliveryStore, Lease, LeaseLostError } from '../store';

/** Holds a lease while its work runs, and stops the work when it is lost. */
export interface LeaseKeeper {
  readonly lease: Lease;
  /** Aborts when the lease is lost or the engine stops. */
  readonly signal: AbortSignal;
  /** Throws `LeaseLostError` when the lease may be somebody else's by now. */
  assertHeld(): void;
  /** Asks the database; throws `LeaseLostError`. */
  confirm(): Promise<void>;
  /** After `WorkStore.raiseEpoch`. */
  replace(lease: Lease): void;
  stop(): void;
}

/**
 * Our own monotonic clock bounds the lease, counted from before the claim was
 * sent: so whatever the clocks of database and process say, we believe to hold
 * it for a shorter time than the database does.
 */
export function createLeaseKeeper(options: {
  store: DeliveryStore;
  lease: Lease;
  leaseMs: number;
  /** `performance.now()` before the claim. */
  claimedAt: number;
  parent: AbortSignal;
  logger: LoggerService;
}): LeaseKeeper {
  const { store, leaseMs, parent, logger } = options;
  let lease = options.lease;
  let heldUntil = options.claimedAt + leaseMs;
  const controller = new AbortController();
  const lost = () =>
    new LeaseLostError(
      `The lease of ${lease.kind} ${lease.id} (epoch ${lease.epoch}) is no longer ours`,
    );
  const onParent = () => controller.abort(parent.reason);
  if (parent.aborted) {
    onParent();
  } else {
    parent.addEventListener('abort', onParent, { once: true });
  }

  async function confirm() {
    const before = performance.now();
    try {
      lease = { ...(await store.work.renew(lease, leaseMs)) };
      heldUntil = before + leaseMs;
    } catch (error) {
      if (error instanceof LeaseLostError) {
        controller.abort(error);
      }
      throw error;
    }
  }

  let timer: ReturnType<typeof setTimeout> | undefined;
  const schedule = () => {
    timer = setTimeout(async () => {
      try {
        await confirm();
      } catch (error) {
        logger.warn(
          `Could not renew the lease of ${lease.kind} ${lease.id}: ${error}`,
        );
        if (performance.now() >= heldUntil) {
          controller.abort(lost());
        }
      }
      if (!controller.signal.aborted) {
        schedule();
      }
    }, leaseMs / 3);
    timer.unref?.();
  };
  schedule();

  return {
    get lease() {
      return lease;
    },
    signal: controller.signal,
    assertHeld() {
      controller.signal.throwIfAborted();
      if (performance.now() >= heldUntil) {
        controller.abort(lost());
        throw lost();
      }
    },
    confirm,
    replace(next) {
      lease = next;
    },
    stop() {
      clearTimeout(timer);
      parent.removeEventListener('abort', onParent);
      // A renewal that is under way must not schedule another.
      controller.abort(new Error('The work is done'));
    },
  };
}
