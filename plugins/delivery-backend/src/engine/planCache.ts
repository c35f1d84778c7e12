import { NotFoundError } from '@backstage/errors';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { DeliveryStore } from '../store';

/** Plans never change, so the last used ones are kept; bounded. */
export interface PlanCache {
  /** Throws `NotFoundError`. */
  get(id: string): Promise<Plan>;
  put(plan: Plan): void;
}

export function createPlanCache(
  store: DeliveryStore,
  capacity: number = 64,
): PlanCache {
  const plans = new Map<string, Plan>();
  function put(plan: Plan) {
    plans.delete(plan.id);
    plans.set(plan.id, plan);
    for (const oldest of plans.keys()) {
      if (plans.size <= capacity) {
        break;
      }
      plans.delete(oldest);
    }
  }
  return {
    put,
    async get(id) {
      const plan = plans.get(id) ?? (await store.plans.get(id));
      if (!plan) {
        throw new NotFoundError(
          `Plan ${id} is not stored any more; deploy its release again`,
        );
      }
      put(plan);
      return plan;
    },
  };
}
