import { replicasFor } from '../amounts';
import { desiredShare, goalOf } from '../draft';
import { sameRoutes } from '../routes';
import { StepRunner } from './step';

/**
 * Has the candidate get copies of requests, or no more, and waits until the
 * router is seen to do so. Where its share has grown so far that copies do not
 * fit beside it any more, there is nothing to wait for.
 */
export const mirror: StepRunner<'mirror'> = {
  enter({ rollout, step }) {
    const { mirrorPercent, ...goal } = goalOf(rollout);
    const together = Math.min(100, goal.percent + step.percent);
    rollout.goal =
      step.percent > 0
        ? {
            ...goal,
            replicas: Math.max(
              goal.replicas,
              replicasFor(together, rollout.candidate.replicas),
            ),
            mirrorPercent: step.percent,
          }
        : goal;
  },
  check({ draft, rollout, step, view }) {
    const { routes = [] } = draft.record.desired;
    const isAsked = routes.some(({ type }) => type === 'mirror');
    const share = desiredShare(draft, rollout.candidate.generation);
    const fits = step.percent > 0 && share + step.percent <= 100;
    return isAsked === fits && sameRoutes(view.routes, routes)
      ? 'done'
      : 'waiting';
  },
};
