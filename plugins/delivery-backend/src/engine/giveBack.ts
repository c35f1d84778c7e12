import {
  GiveBackProgress,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { emptyRecord } from '../rollout';
import { LeaseLostError } from '../store';
import { Changes, save } from './changes';
import { backOffMs, EngineContext, TargetMemory } from './context';
import { isStaleEpoch, markForeign } from './foreignEpoch';
import { LeaseKeeper } from './leaseKeeper';
import { RoundResult } from './round';
import { withTimeLimit } from './timeLimit';

/*
 * A look at a target that is being given back. Nothing else is decided or
 * brought about meanwhile; deployments wait. The environment's connection does
 * what can be done now and is asked again, by whatever process has the lease,
 * until it is done. Then the record is that of a target to which nothing was
 * deployed; what was promoted once stays known.
 */

/** Pods start and gateways hear of routes within seconds. */
const AGAIN_MS = 500;

export async function lookAtGiveBack(options: {
  context: EngineContext;
  changes: Changes;
  keeper: LeaseKeeper;
  connection: Connection;
  memory: TargetMemory;
  giveBack: GiveBackProgress;
}): Promise<RoundResult> {
  const { context, changes, keeper, connection, memory, giveBack } = options;
  const { row } = changes;
  let message: string;
  let done = false;
  try {
    ({ done, message } = await step(options));
    memory.trouble = undefined;
  } catch (error) {
    keeper.signal.throwIfAborted();
    if (isStaleEpoch(error)) {
      return await markForeign({ context, row, keeper, error });
    }
    if (error instanceof LeaseLostError) {
      throw error;
    }
    message = error instanceof Error ? error.message : `${error}`;
    const attempts = (memory.trouble?.attempts ?? 0) + 1;
    memory.trouble = {
      attempts,
      retryAtMs: context.clock.now() + backOffMs(attempts),
      reason: { code: 'not-given-back', message },
    };
    context.logger.warn(
      `Could not give back ${stringifyTarget(row.target)} on ${
        connection.name
      } (attempt ${attempts}): ${message}`,
    );
  }
  if (done) {
    end(changes, giveBack);
  } else {
    changes.row = {
      ...row,
      record: { ...row.record, giveBack: { ...giveBack, message } },
    };
  }
  if (!changes.isEmpty()) {
    await save(context, changes, keeper);
  }
  return {
    again: done,
    wakeAtMs: memory.trouble?.retryAtMs ?? context.clock.now() + AGAIN_MS,
    tellSiblings: done,
  };
}

async function step(options: {
  context: EngineContext;
  changes: Changes;
  keeper: LeaseKeeper;
  connection: Connection;
  giveBack: GiveBackProgress;
}): Promise<{ done: boolean; message: string }> {
  const { context, changes, keeper, connection, giveBack } = options;
  const { target, record } = changes.row;
  const call = connection.giveBack?.bind(connection);
  if (!call) {
    return {
      done: false,
      message: `The connection ${connection.type} ${connection.name} cannot give back any more; take over to keep it`,
    };
  }
  const plan = await context.plans.get(giveBack.planId);
  await keeper.confirm();
  return await withTimeLimit(
    'Giving back',
    context.tuning.callLimitMs,
    keeper.signal,
    signal =>
      call(
        target,
        {
          epoch: keeper.lease.epoch,
          // Newer than what was brought about, older than what may follow.
          revision: record.desired.revision + 1,
          takeOver: true,
        },
        plan,
        signal,
      ),
  );
}

function end(changes: Changes, { by, sinceMs }: GiveBackProgress) {
  const { record } = changes.row;
  changes.event({
    type: 'given-back',
    message: 'It is given back: what was stable serves on without Slipway',
    level: 'warning',
    deploymentId: record.stable?.deploymentId,
    actor: by,
  });
  changes.row = {
    ...changes.row,
    record: {
      draining: [],
      promoted: record.promoted,
      // Nothing of what was written says a revision any more.
      desired: emptyRecord().desired,
      givenBack: { by, atMs: Math.max(sinceMs, changes.nowMs) },
    },
  };
}
