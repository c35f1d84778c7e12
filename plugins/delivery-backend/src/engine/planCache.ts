import { NotFoundError } from '@backstage/errors';
import { Plan } from '@slipway/backstage-plugin-delivery-node';
import { DeliveryStore } from '../store';

/** What a Plan takes beside the bytes of its objects. */
const PLAN_BYTES = 4_096;

function sizeOf({ objects }: Plan): number {
  return objects.reduce((sum, { bytes }) => sum + bytes.length, PLAN_BYTES);
}

/**
 * Plans never change, so the last used ones are kept; bounded by what they take
 * in memory, for a Plan may be as big as its manifests.
 */
export interface PlanCache {
  /** Throws `NotFoundError`. */
  get(id: string): Promise<Plan>;
  put(plan: Plan): void;
}

export function createPlanCache(
  store: DeliveryStore,
  capacityBytes: number = 16 * 1024 * 1024,
): PlanCache {
  const plans = new Map<string, Plan>();
  let bytes = 0;
  function drop(plan: Plan) {
    if (plans.delete(plan.id)) {
      bytes -= sizeOf(plan);
    }
  }
  function put(plan: Plan) {
    drop(plan);
    plans.set(plan.id, plan);
    bytes += sizeOf(plan);
    for (const oldest of plans.values()) {
      if (bytes <= capacityBytes || oldest === plan) {
        break;
      }
      drop(oldest);
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
