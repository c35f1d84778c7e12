import { mockServices } from '@backstage/backend-test-utils';
import { ConnectionHarness } from '@slipway/backstage-plugin-delivery-node/testing';
import { createKubernetesConnection } from '../../connection';
import { openTestCluster, TestCluster } from '../../testing';

/**
 * The whole connection on the cluster of `KUBECONFIG`, as the contract suites
 * want it: what the engine applies before it brings a generation up, and what
 * it applies when it promotes it, is applied by `ensure` here.
 */
export async function createConnectionHarness(): Promise<
  ConnectionHarness & { world: TestCluster }
> {
  const world = await openTestCluster();
  const connection = createKubernetesConnection({
    cluster: world.cluster,
    logger: mockServices.logger.mock(),
    namespacesIn: () => [world.namespace],
  });
  const { objects, workloads } = connection;
  return {
    world,
    connection: {
      ...connection,
      workloads: {
        ...workloads,
        async ensure(target, fence, wish, signal) {
          await objects?.apply(target, fence, wish.plan, 'before', signal);
          await workloads.ensure(target, fence, wish, signal);
          await objects?.apply(target, fence, wish.plan, 'promote', signal);
        },
      },
    },
    newTarget: world.newTarget,
    plan: (target, sample) => world.plan(target, { ...sample, route: false }),
    async request(target) {
      return await world.request(target);
    },
    async close() {
      await world.close();
    },
  };
}
