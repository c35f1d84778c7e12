import { resolveAmount } from '../amounts';
import { StepRunner } from './step';

/**
 * Brings the candidate to a number of instances and waits until they are
 * ready. At least one: a canary of 1 % of 3 replicas is one instance.
 */
export const scale: StepRunner<'scale'> = {
  enter({ rollout, step }) {
    const { replicas } = rollout.candidate;
    const wanted = resolveAmount(step.replicas, replicas, 'up');
    const nothing = 'percent' in step.replicas && step.replicas.percent === 0;
    rollout.goal = {
      percent: 0,
      ...rollout.goal,
      replicas: nothing
        ? 0
        : Math.min(Math.max(1, wanted), Math.max(1, replicas)),
    };
  },
  check({ rollout, view }) {
    const wanted = rollout.goal?.replicas ?? 0;
    return view.ready(rollout.candidate.generation) >= wanted
      ? 'done'
      : 'waiting';
  },
};
