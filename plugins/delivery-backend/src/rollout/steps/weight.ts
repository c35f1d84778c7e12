import { replicasFor } from '../amounts';
import { desiredShare } from '../draft';
import { StepRunner } from './step';

/** Routers that count in whole instances or in whole percents may be this far off. */
const TOLERANCE_PERCENT = 1;

/**
 * Gives the candidate a share and waits until the router is seen to have taken
 * it. Nothing and everything are exact: what follows them (scaling away,
 * promotion) relies on it.
 */
export const weight: StepRunner<'weight'> = {
  enter({ rollout, step }) {
    const replicas = rollout.goal?.replicas ?? 0;
    const { percent } = step;
    rollout.goal = {
      ...rollout.goal,
      percent,
      // When the scale step before it was skipped.
      replicas: Math.max(
        replicas,
        replicasFor(percent, rollout.candidate.replicas),
      ),
    };
  },
  check({ draft, rollout, step, view }) {
    const { generation } = rollout.candidate;
    const { stable } = draft.record;
    const { percent } = step;
    const asked = desiredShare(draft, generation);
    const taken = view.accepted(generation);
    // With nothing of stable ready the candidate carries more than its step
    // says (capacity.ts); the step has nothing more to wait for then.
    const alone = stable !== undefined && view.ready(stable.generation) === 0;
    if (asked < percent - 1e-6 || (asked > percent + 1e-6 && !alone)) {
      return 'waiting';
    }
    // There the instances follow the share.
    if (
      view.byInstances &&
      percent > 0 &&
      view.ready(generation) < (rollout.goal?.replicas ?? 0)
    ) {
      return 'waiting';
    }
    const exact = asked <= 0 || asked >= 100;
    if (Math.abs(taken - asked) > (exact ? 0 : TOLERANCE_PERCENT)) {
      return 'waiting';
    }
    const others = view.served().some(served => served !== generation);
    return asked >= 100 && others ? 'waiting' : 'done';
  },
};
