import { InputError } from '@backstage/errors';
import {
  DelegatedWish,
  isKnown,
  TargetRecord,
  TargetRef,
  World,
} from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  Fence,
  Fencing,
  Plan,
} from '@slipway/backstage-plugin-delivery-node';
import { isRepairWrite } from '../rollout';
import { convergeSteps, isInForce, prunedRevision } from './convergeSteps';
import { LeaseKeeper } from './leaseKeeper';
import { PlanCache } from './planCache';
import { withTimeLimit } from './timeLimit';

const DEFAULT_PROGRESS_DEADLINE_MS = 600_000;

export interface ConvergeResult {
  /** Something was written: look again. */
  wrote: boolean;
  /** What is known to be done beyond what can be observed. */
  applied: TargetRecord['applied'];
}

/**
 * Brings the world to the latest desired state, in the only safe order:
 *
 *     objects 'before' -> grow (or ask who leads) -> shares -> (shares seen in force?) -> shrink
 *     -> remove -> shared objects -> prune (when no rollout is under way)
 *
 * Traffic never points at what does not exist yet, and nothing is taken away
 * before the router is *seen* to give it nothing. Every write carries the
 * epoch of our claim and the revision; before every write the lease is checked,
 * against the database where the adapter cannot compare epochs by itself.
 *
 * Every write is idempotent: a worker that dies between any two leaves a world
 * from which the next one goes on.
 *
 * Errors: `StaleEpochError`, `LeaseLostError`, and whatever the adapter threw.
 */
export async function converge(options: {
  target: TargetRef;
  record: TargetRecord;
  world: World;
  connection: Connection;
  plans: PlanCache;
  keeper: LeaseKeeper;
  callLimitMs: number;
}): Promise<ConvergeResult> {
  const { target, record, connection, plans, keeper, callLimitMs } = options;
  const { desired } = record;
  const { workloads, traffic, objects } = connection;
  const steps = convergeSteps(record, options.world);
  const fence: Fence = {
    epoch: keeper.lease.epoch,
    revision: desired.revision,
    ...((record.conflict?.takeOver || isRepairWrite(record)) && {
      takeOver: true as const,
    }),
  };
  let wrote = false;

  async function write(
    what: string,
    fencing: Fencing,
    call: (signal: AbortSignal) => Promise<void>,
  ) {
    if (fencing === 'check-then-act') {
      await keeper.confirm();
    }
    keeper.assertHeld();
    await withTimeLimit(what, callLimitMs, keeper.signal, call);
    wrote = true;
  }

  const ensure = async (
    wanted: TargetRecord['desired']['generations'][number],
    plan: Plan,
  ) =>
    await write(
      `Scaling ${wanted.generation} to ${wanted.replicas}`,
      workloads.fencing,
      signal =>
        workloads.ensure(
          target,
          fence,
          {
            generation: wanted.generation,
            plan,
            track: wanted.track,
            replicas: wanted.replicas,
            ...(wanted.inPlace && { inPlace: true }),
          },
          signal,
        ),
    );

  async function delegate(wish: DelegatedWish) {
    const { delegated } = connection;
    if (!delegated) {
      throw new InputError(
        `The connection ${connection.type} ${connection.name} leads no rollouts any more; abort, and deploy again`,
      );
    }
    const plan = await plans.get(wish.planId);
    if (objects) {
      await write('Applying objects', workloads.fencing, signal =>
        objects.apply(target, fence, plan, 'before', signal),
      );
    }
    await write(
      `Asking ${delegated.leader} for ${wish.generation}`,
      workloads.fencing,
      signal =>
        delegated.start(
          target,
          fence,
          {
            key: wish.key,
            generation: wish.generation,
            plan,
            replicas: plan.replicas,
            program: wish.program,
            paused: wish.paused ?? false,
            progressDeadlineMs:
              record.rollout?.progressDeadlineWindowMs ??
              DEFAULT_PROGRESS_DEADLINE_MS,
          },
          signal,
        ),
    );
  }

  const existing = isKnown(options.world.workloads)
    ? new Set(
        options.world.workloads.known.generations.map(
          ({ generation }) => generation,
        ),
      )
    : new Set<string>();

  for (const wanted of steps.ensure) {
    const plan = await plans.get(wanted.planId);
    if (objects && !existing.has(wanted.generation)) {
      await write('Applying objects', workloads.fencing, signal =>
        objects.apply(target, fence, plan, 'before', signal),
      );
    }
    await ensure(wanted, plan);
  }

  if (steps.delegate && desired.delegated) {
    await delegate(desired.delegated);
  }

  // What is taken over may be the very route that the shares are written to.
  const sharedFirst = fence.takeOver
    ? record.applied?.sharedPlanId ?? desired.sharedPlanId
    : undefined;
  if (objects && sharedFirst) {
    const plan = await plans.get(sharedFirst);
    await write('Applying shared objects', workloads.fencing, signal =>
      objects.apply(target, fence, plan, 'promote', signal),
    );
  }

  if (steps.requestShares) {
    await write('Setting the traffic', traffic.fencing, signal =>
      traffic.request(target, fence, desired.shares, signal, desired.routes),
    );
  }

  if (steps.shrink.length > 0 || steps.remove.length > 0) {
    const seen = steps.requestShares
      ? await withTimeLimit(
          'Reading the traffic',
          callLimitMs,
          keeper.signal,
          signal => traffic.observe(target, signal),
        )
      : options.world.traffic;
    if (
      !isKnown(seen) ||
      seen.reflects < desired.revision ||
      !isInForce(seen.known, desired)
    ) {
      // The router has not taken them yet: nothing is taken away.
      return { wrote, applied: record.applied };
    }
    for (const wanted of steps.shrink) {
      await ensure(wanted, await plans.get(wanted.planId));
    }
    for (const generation of steps.remove) {
      await write(`Removing ${generation}`, workloads.fencing, signal =>
        workloads.remove(target, fence, generation, signal),
      );
    }
  }

  if (!isKnown(options.world.workloads)) {
    return { wrote, applied: record.applied };
  }

  if (objects && steps.promotePlanId && steps.promotePlanId !== sharedFirst) {
    const plan = await plans.get(steps.promotePlanId);
    await write('Applying shared objects', workloads.fencing, signal =>
      objects.apply(target, fence, plan, 'promote', signal),
    );
  }
  if (objects && steps.prune) {
    const keep = new Set(desired.generations.map(({ planId }) => planId));
    if (desired.delegated) {
      keep.add(desired.delegated.planId);
    }
    if (desired.sharedPlanId) {
      keep.add(desired.sharedPlanId);
    }
    const kept = await Promise.all([...keep].map(id => plans.get(id)));
    await write('Removing left objects', workloads.fencing, signal =>
      objects.prune(target, fence, kept, signal),
    );
  }
  return {
    wrote,
    applied: {
      ...(desired.sharedPlanId ? { sharedPlanId: desired.sharedPlanId } : {}),
      revision: desired.revision,
      prunedRevision: steps.prune
        ? desired.revision
        : prunedRevision(record.applied),
    },
  };
}
