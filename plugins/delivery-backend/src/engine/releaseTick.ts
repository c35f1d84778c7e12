import { LoggerService } from '@backstage/backend-plugin-api';
import { DeliveryStore, Lease, LeaseLostError } from '../store';
import { createLeaseKeeper } from './leaseKeeper';
import { TickOutcome } from './metrics';
import { ReleaseWork } from './types';

/**
 * Runs a unit of work of a release. A build takes longer than a lease, so the
 * lease is renewed meanwhile; when it is lost the work is told to stop. The
 * release room persists itself and gives the lease back.
 */
export async function runReleaseTick(options: {
  store: DeliveryStore;
  runner: ReleaseWork;
  lease: Lease;
  leaseMs: number;
  claimedAt: number;
  parent: AbortSignal;
  logger: LoggerService;
}): Promise<TickOutcome> {
  const { runner, lease } = options;
  const keeper = createLeaseKeeper(options);
  try {
    await runner.tick(lease, keeper.signal);
    const { reason } = keeper.signal;
    return reason instanceof LeaseLostError ? 'lease-lost' : 'done';
  } finally {
    keeper.stop();
  }
}
