import { resolveAmount } from '../amounts';
import { StepContext, StepRunner } from './step';

/**
 * Replaces stable by the candidate, batch by batch.
 *
 * Together never more than the wanted replicas + maxSurge exist, and never
 * fewer than the wanted replicas - maxUnavailable serve. Old instances that
 * are not ready go first and cost nothing. Before anything of the candidate is
 * ready stable is only touched when the definition gives no surge to start
 * with. Traffic follows the ready instances (capacity.ts); before the last old
 * instance goes, the router must be seen to give stable nothing.
 */
export const roll: StepRunner<'roll'> = {
  enter({ draft, rollout }) {
    rollout.goal = {
      replicas: rollout.goal?.replicas ?? 0,
      percent: 0,
      stableReplicas: draft.record.stable?.replicas ?? 0,
    };
  },
  check(context) {
    const { draft, rollout, view } = context;
    const { goal } = rollout;
    const { stable } = draft.record;
    if (!goal || !stable) {
      return 'done';
    }
    const { generation, replicas } = rollout.candidate;
    const next = nextBatch(context);
    const allNew = view.ready(generation) >= replicas;
    const stableServes = view.accepted(stable.generation) > 0;
    const someNew = view.ready(generation) > 0;
    if (
      next.stable === 0 &&
      (goal.stableReplicas ?? 0) > 0 &&
      stableServes &&
      someNew
    ) {
      // Traffic first, then the instances. (Without surge and with one replica
      // there is nothing yet to take it: the definition wants it so.)
      if (goal.percent < 100) {
        goal.percent = 100;
        goal.replicas = next.candidate;
        return 'moved';
      }
      next.stable = goal.stableReplicas ?? 0;
    }
    if (
      next.candidate !== goal.replicas ||
      next.stable !== goal.stableReplicas
    ) {
      goal.replicas = next.candidate;
      goal.stableReplicas = next.stable;
      return 'moved';
    }
    return allNew && goal.stableReplicas === 0 && !stableServes
      ? 'done'
      : 'waiting';
  },
};

function nextBatch({ draft, rollout, step, view }: StepContext<'roll'>): {
  candidate: number;
  stable: number;
} {
  const { generation, replicas } = rollout.candidate;
  const { stable } = draft.record;
  const before = stable?.replicas ?? 0;
  let surge = resolveAmount(step.maxSurge, replicas, 'up');
  const unavailable = resolveAmount(step.maxUnavailable, replicas, 'down');
  if (surge === 0 && unavailable === 0) {
    // Nothing could ever move.
    surge = 1;
  }
  const mostTogether = Math.max(replicas, before) + surge;
  const leastReady = Math.max(0, Math.min(replicas, before) - unavailable);

  const goalStable = rollout.goal?.stableReplicas ?? before;
  const readyNew = Math.min(
    view.ready(generation),
    rollout.goal?.replicas ?? 0,
  );
  const readyOld = stable
    ? Math.min(view.ready(stable.generation), goalStable)
    : 0;

  const candidate = Math.max(
    rollout.goal?.replicas ?? 0,
    Math.min(replicas, mostTogether - goalStable),
  );
  const spare = Math.max(
    0,
    Math.min(readyOld, readyNew + readyOld - leastReady),
  );
  const mayTouchStable = readyNew > 0 || surge === 0;
  // An old instance that is not ready counts for nothing, so it goes for
  // nothing; but not before the new release has shown that it can start.
  const unreadyOld = readyNew > 0 ? goalStable - readyOld : 0;
  return {
    candidate,
    stable: mayTouchStable
      ? Math.max(0, goalStable - unreadyOld - spare)
      : goalStable,
  };
}
