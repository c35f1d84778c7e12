import {
  Deployment,
  GiveBackProgress,
  isTerminalDeployment,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import {
  decideGiveBack,
  emptyRecord,
  GiveBackStep,
  giveBackDeadlineMs,
  isStepDue,
} from '../rollout';
import { LeaseLostError } from '../store';
import { Changes, save } from './changes';
import { backOffMs, EngineContext, TargetMemory } from './context';
import { isStaleEpoch, markForeign } from './foreignEpoch';
import { LeaseKeeper } from './leaseKeeper';
import { newsOfGiveBack } from './news';
import { earliest, RoundResult } from './round';
import { withTimeLimit } from './timeLimit';
import { cancelOverdue } from './waiting';

/*
 * A look at a target that is being given back. Nothing else is decided or
 * brought about meanwhile; deployments wait. The environment's connection does
 * what can be done now and is asked again, by whatever process has the lease,
 * until it is done or its time is over (see the rollout room). Once done, the
 * record is that of a target to which nothing was deployed; what was promoted
 * once stays known.
 */

interface Look {
  context: EngineContext;
  changes: Changes;
  keeper: LeaseKeeper;
  connection: Connection;
  memory: TargetMemory;
  giveBack: GiveBackProgress;
}

/** Pods start and gateways hear of routes within seconds. */
const AGAIN_MS = 500;

export async function lookAtGiveBack(
  options: Look & { open: Deployment[] },
): Promise<RoundResult> {
  const { context, changes, keeper, memory, giveBack, open } = options;
  const taken = isStepDue(giveBack) ? await tryStep(options) : undefined;
  if (taken && 'isForeign' in taken) {
    return taken;
  }
  const { row } = changes;
  const decision = decideGiveBack({
    record: row.record,
    giveBack,
    step: taken,
    nowMs: context.clock.now(),
  });
  if (decision.next === 'done') {
    end(changes, giveBack);
  } else if (decision.next === 'keep') {
    changes.row = { ...row, record: decision.record };
    changes.event(decision.event);
  } else {
    const { by, overdue } = decision.giveBack;
    changes.row = {
      ...row,
      record: { ...row.record, giveBack: decision.giveBack },
      // A person is asked: nothing may be deployed there by itself meanwhile.
      ...(overdue && {
        hold: row.hold ?? {
          by,
          sinceMs: overdue.sinceMs,
          reason: overdue.reason.message,
        },
      }),
    };
    if (decision.event) {
      changes.event(decision.event);
    }
    tellOverdue(changes, giveBack, decision.giveBack);
  }
  const waiting = endOverdue(changes, open);
  if (!changes.isEmpty()) {
    await save(context, changes, keeper);
  }
  const isOver = decision.next !== 'wait';
  return {
    again: isOver,
    wakeAtMs: earliest(
      isOver ? undefined : giveBackDeadlineMs(decision.giveBack),
      ...waiting.map(({ deadlineMs }) => deadlineMs),
      isOver || decision.giveBack.overdue
        ? undefined
        : memory.trouble?.retryAtMs ?? context.clock.now() + AGAIN_MS,
    ),
    tellSiblings: decision.next === 'done',
  };
}

/** Once for each time that it stops. */
function tellOverdue(
  changes: Changes,
  before: GiveBackProgress,
  giveBack: GiveBackProgress,
) {
  const { overdue } = giveBack;
  if (overdue && !before.overdue) {
    const { target, owner, record } = changes.row;
    changes.tell(
      newsOfGiveBack({
        target,
        owner,
        deploymentId: record.stable?.deploymentId,
        giveBack: { ...giveBack, overdue },
      }),
    );
  }
}

/** What waits here goes on waiting, but not for longer than it may. */
function endOverdue(changes: Changes, open: Deployment[]): Deployment[] {
  return cancelOverdue(
    changes,
    open.flatMap(({ id }) => {
      const deployment = changes.deployment(id);
      return deployment && !isTerminalDeployment(deployment.status)
        ? [deployment]
        : [];
    }),
  );
}

/** Takes the next step. What fails is tried again until the deadline. */
async function tryStep(
  options: Look,
): Promise<GiveBackStep | (RoundResult & { isForeign: true })> {
  const { context, changes, keeper, connection, memory } = options;
  const { row } = changes;
  try {
    const taken = await step(options);
    memory.trouble = undefined;
    return taken;
  } catch (error) {
    keeper.signal.throwIfAborted();
    if (isStaleEpoch(error)) {
      const foreign = await markForeign({ context, row, keeper, error });
      return { ...foreign, isForeign: true };
    }
    if (error instanceof LeaseLostError) {
      throw error;
    }
    const message = error instanceof Error ? error.message : `${error}`;
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
    return { done: false, message };
  }
}

async function step(options: Look): Promise<GiveBackStep> {
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
