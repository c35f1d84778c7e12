import {
  Command,
  Reason,
  RolloutState,
} from '@slipway/backstage-plugin-delivery-common';
import { StaleEpochError } from '@slipway/backstage-plugin-delivery-node';
import { TargetRow } from '../store';
import { Changes, commit } from './changes';
import { EngineContext } from './context';
import { LeaseKeeper } from './leaseKeeper';

/*
 * The world has seen a newer epoch than the database gave us, and the lease is
 * ours: so the database is older than the world (restored, or two databases
 * drive one world). Nothing is written to that world until a person says so.
 */

const CHECK_MS = 60_000;

interface ForeignResult {
  again: boolean;
  wakeAtMs?: number;
  tellSiblings: boolean;
}

/** By name: an adapter may carry another copy of the class. */
export function isStaleEpoch(error: unknown): error is StaleEpochError {
  return error instanceof Error && error.name === 'StaleEpochError';
}

function foreignReason(theirs: number, ours: number): Reason {
  return {
    code: 'foreign-epoch',
    message: `The world has a newer epoch (${theirs}) than the database (${ours}): the database was restored, or another one drives the same environment`,
    action: 'Make sure that nobody else drives it, then take over',
  };
}

function markErrored(changes: Changes, deploymentId: string, reason: Reason) {
  const deployment = changes.deployment(deploymentId);
  if (deployment && !deployment.outcome) {
    changes.setDeployment({ ...deployment, status: 'errored', reason });
  }
}

/** Remembers it, if the lease is ours; throws `LeaseLostError` when it is not. */
export async function markForeign(options: {
  context: EngineContext;
  row: TargetRow;
  keeper: LeaseKeeper;
  error: StaleEpochError;
}): Promise<ForeignResult> {
  const { context, row, keeper, error } = options;
  const { store, clock } = context;
  const open = await store.deployments.open(row.target);
  const changes = new Changes(row, open, clock.now());
  const reason = foreignReason(error.theirs, keeper.lease.epoch);
  changes.row = { ...row, foreignEpoch: error.theirs };
  if (row.record.rollout?.deploymentId) {
    markErrored(changes, row.record.rollout.deploymentId, reason);
  }
  changes.event({
    type: 'foreign-epoch',
    message: reason.message,
    level: 'error',
    deploymentId: row.record.rollout?.deploymentId,
    reason,
  });
  await commit({ store, keeper, changes });
  return {
    again: false,
    wakeAtMs: clock.now() + CHECK_MS,
    tellSiblings: false,
  };
}

/** A look at a target that waits to be taken over: verbs are answered, nothing moves. */
export async function holdForeign(options: {
  context: EngineContext;
  changes: Changes;
  keeper: LeaseKeeper;
  forRollout: Command[];
  active: RolloutState | undefined;
}): Promise<ForeignResult> {
  const { context, changes, keeper, forRollout, active } = options;
  const theirs = changes.row.foreignEpoch ?? 0;
  const reason = foreignReason(theirs, keeper.lease.epoch);
  for (const command of forRollout) {
    changes.answer(command, false, `${reason.message}. ${reason.action}`);
  }
  if (active) {
    const deployment = changes.deployment(active.deploymentId);
    // The epoch in the message grows with every look: one statement is enough.
    if (deployment?.reason?.code !== reason.code) {
      markErrored(changes, active.deploymentId, reason);
    }
  }
  if (!changes.isEmpty()) {
    await commit({ store: context.store, keeper, changes });
  }
  return {
    again: changes.created.length > 0,
    wakeAtMs: context.clock.now() + CHECK_MS,
    tellSiblings: false,
  };
}
