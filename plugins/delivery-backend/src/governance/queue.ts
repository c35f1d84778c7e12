import { Actor, Deployment } from '@slipway/backstage-plugin-delivery-common';
import { isAutomation } from './hold';

/** What an environment says about a second deployment of the same target. */
export type QueueMode = 'queue' | 'supersede' | 'reject';

/** A deployment that waits. */
export interface PendingDeployment {
  id: string;
  kind: Deployment['kind'];
  createdBy: Actor;
  /** Every gate is open. */
  open: boolean;
}

export interface QueueInput {
  mode: QueueMode;
  /** The one whose rollout has not ended. */
  active?: {
    id: string;
    kind: Deployment['kind'];
    /** Traffic goes back to stable: nothing may come in between. */
    aborting: boolean;
  };
  /** Oldest first. */
  pending: PendingDeployment[];
}

export interface QueueDecision {
  /** Starts now; supersedes the active one when there is one. */
  start?: string;
  /** Were overtaken by the one that starts. */
  superseded: string[];
  /** May not wait in this environment. */
  rejected: string[];
}

const mayTakeOver = (
  active: NonNullable<QueueInput['active']>,
  candidate: PendingDeployment,
): boolean =>
  !active.aborting &&
  // A restart changes nothing that is worth stopping a rollout for.
  candidate.kind !== 'restart' &&
  // A person goes back for a reason that automation does not know.
  !(active.kind === 'rollback' && isAutomation(candidate.createdBy));

/**
 * Whose turn it is. At most one deployment of a target is active; whatever
 * waits and is older than the one that starts has been overtaken: were it to
 * start later, an older release would silently replace a newer one.
 */
export function queuePolicy(input: QueueInput): QueueDecision {
  const { mode, active } = input;
  let pending = input.pending;
  let rejected: string[] = [];
  if (mode === 'reject') {
    const admitted = active ? 0 : 1;
    rejected = pending.slice(admitted).map(({ id }) => id);
    pending = pending.slice(0, admitted);
  }
  const eligible = pending.filter(
    candidate =>
      candidate.open &&
      (!active || (mode === 'supersede' && mayTakeOver(active, candidate))),
  );
  const start =
    mode === 'supersede'
      ? eligible.filter(({ kind }) => kind !== 'restart').at(-1) ?? eligible[0]
      : eligible[0];
  if (!start) {
    return { superseded: [], rejected };
  }
  return {
    start: start.id,
    superseded:
      start.kind === 'restart'
        ? []
        : pending.slice(0, pending.indexOf(start)).map(({ id }) => id),
    rejected,
  };
}
