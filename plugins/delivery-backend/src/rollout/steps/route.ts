import { goalOf } from '../draft';
import { sameRoutes } from '../routes';
import { StepRunner } from './step';

/**
 * Sends requests with certain headers to the candidate, or no more, and waits
 * until the router is seen to do so. At least one instance answers them.
 */
export const route: StepRunner<'route'> = {
  enter({ rollout, step }) {
    const { headers, ...goal } = goalOf(rollout);
    rollout.goal =
      step.headers.length > 0
        ? {
            ...goal,
            replicas: Math.max(1, goal.replicas),
            headers: step.headers,
          }
        : goal;
  },
  check({ draft, step, view }) {
    const { routes = [] } = draft.record.desired;
    const isAsked = routes.some(({ type }) => type === 'headers');
    return isAsked === step.headers.length > 0 &&
      sameRoutes(view.routes, routes)
      ? 'done'
      : 'waiting';
  },
};
