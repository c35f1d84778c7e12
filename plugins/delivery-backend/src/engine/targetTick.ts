import {
  parseTarget,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Lease, LeaseLostError } from '../store';
import { backOffMs, EngineContext, memoryOf } from './context';
import { createLeaseKeeper, LeaseKeeper } from './leaseKeeper';
import { TickOutcome } from './metrics';
import { Carried } from './round';
import { lookAtTarget } from './targetRound';

/** A target that keeps on moving gives way to the others after this many looks. */
const MOST_LOOKS = 12;

/**
 * Works on a claimed target until nothing more can be done at once, then gives
 * the lease back with the time to look again. Looking again at once, instead of
 * at the next wake, is what makes a rollout that waits for nothing take no time.
 *
 * Errors: none but for those of giving back, after which the lease runs out.
 */
export async function runTargetTick(
  context: EngineContext,
  lease: Lease,
  claimedAt: number,
  parent: AbortSignal,
): Promise<{ wakeAtMs?: number; outcome: TickOutcome }> {
  const { store, clock, logger, tuning } = context;
  const target = parseTarget(lease.id);
  const keeper = createLeaseKeeper({
    store,
    lease,
    leaseMs: tuning.leaseMs,
    claimedAt,
    parent,
    logger,
  });
  let wakeAtMs: number | undefined;
  let tellSiblings = false;
  let outcome: TickOutcome = 'done';
  try {
    const carried: Carried = {
      lateMs: lease.dueAtMs === undefined ? 0 : clock.now() - lease.dueAtMs,
    };
    for (let looks = 1; ; looks += 1) {
      const result = await lookAtTarget(context, target, keeper, carried);
      tellSiblings ||= result.tellSiblings;
      wakeAtMs = result.wakeAtMs;
      if (!result.again) {
        break;
      }
      if (looks >= MOST_LOOKS) {
        wakeAtMs = clock.now();
        break;
      }
    }
    const memory = context.memory.get(lease.id);
    if (memory) {
      memory.failures = 0;
    }
  } catch (error) {
    if (error instanceof LeaseLostError) {
      logger.warn(`Stopped work on ${lease.id}: ${error.message}`);
      keeper.stop();
      return { outcome: 'lease-lost' };
    }
    const memory = memoryOf(context, lease.id);
    // What it remembers of the store may not have been written.
    delete memory.evidence;
    outcome = 'interrupted';
    if (parent.aborted) {
      wakeAtMs = clock.now();
    } else if (isVersionConflict(error)) {
      // Somebody set or released the hold in between: look again.
      wakeAtMs = clock.now();
    } else {
      outcome = 'failed';
      memory.failures = (memory.failures ?? 0) + 1;
      wakeAtMs = clock.now() + backOffMs(memory.failures);
      logger.error(
        `A look at ${lease.id} failed, again in ${
          wakeAtMs - clock.now()
        } ms: ${error}`,
        error instanceof Error ? error : undefined,
      );
    }
  }
  try {
    if (tellSiblings && !parent.aborted) {
      await pokeSiblings(context, stringifyTarget(target));
    }
    // A renewal that meets the give-back would find the lease lost.
    keeper.stop();
    await giveBack(context, keeper, wakeAtMs, parent);
  } finally {
    keeper.stop();
  }
  return { wakeAtMs, outcome };
}

function isVersionConflict(error: unknown): boolean {
  return error instanceof Error && error.name === 'VersionConflictError';
}

/** Gates of other environments wait for what changed here. */
async function pokeSiblings(context: EngineContext, id: string) {
  const { service, environment } = parseTarget(id);
  for (const name of context.environments.keys()) {
    const sibling = { service, environment: name };
    if (name === environment) {
      continue;
    }
    const open = await context.store.deployments.open(sibling);
    if (open.length > 0) {
      await context.store.work.poke('target', stringifyTarget(sibling));
      context.onPoke();
    }
  }
}

/** A database that is away for a moment must not cost the rest of the lease. */
async function giveBack(
  context: EngineContext,
  keeper: LeaseKeeper,
  wakeAtMs: number | undefined,
  parent: AbortSignal,
) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await context.store.work.release(keeper.lease, wakeAtMs);
      return;
    } catch (error) {
      if (error instanceof LeaseLostError || attempt >= 5 || parent.aborted) {
        context.logger.warn(
          `Could not give back ${keeper.lease.id}, it comes back when the lease ends: ${error}`,
        );
        return;
      }
      await new Promise(resolve => setTimeout(resolve, 100 * 2 ** attempt));
    }
  }
}
