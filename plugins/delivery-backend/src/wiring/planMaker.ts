import { NotFoundError } from '@backstage/errors';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import type { PlanMaker } from '../api';
import { renderPlan } from '../release';
import { DeliveryStore } from '../store';

/** The Plan that deploying a release would apply; the same one that the engine would make. */
export function createPlanMaker(options: {
  store: DeliveryStore;
  connections: ReadonlyMap<string, Connection>;
}): PlanMaker {
  const { store, connections } = options;
  return async (target, releaseId, signal) => {
    const release = await store.releases.get(releaseId);
    const connection = connections.get(target.environment);
    if (!release || release.service !== target.service || !connection) {
      throw new NotFoundError(
        `No release "${releaseId}" of ${target.service} for ${target.environment}`,
      );
    }
    return renderPlan({
      release,
      environment: target.environment,
      connection,
      store,
      signal,
    });
  };
}
