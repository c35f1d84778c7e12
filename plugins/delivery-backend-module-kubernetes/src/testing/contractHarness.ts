import {
  Connection,
  PlanObjects,
  TrafficRouter,
  Workloads,
} from '@slipway/backstage-plugin-delivery-node';
import { ConnectionHarness } from '@slipway/backstage-plugin-delivery-node/testing';
import { TestCluster } from './testCluster';

/**
 * As the contract suites want it: what the engine does before it brings a new
 * generation up (phase `before`) is done here.
 */
export function contractHarness(options: {
  world: Pick<TestCluster, 'newTarget' | 'plan' | 'request' | 'close'>;
  workloads: Workloads;
  traffic: TrafficRouter;
  objects: PlanObjects;
  /** Plans have a route. */
  route: boolean;
}): ConnectionHarness {
  const { world, workloads, traffic, objects, route } = options;
  const connection: Pick<Connection, 'workloads' | 'traffic' | 'objects'> = {
    traffic,
    objects,
    workloads: {
      ...workloads,
      async ensure(target, fence, wish, signal) {
        await objects.apply(target, fence, wish.plan, 'before', signal);
        await workloads.ensure(target, fence, wish, signal);
      },
    },
  };
  return {
    connection: connection as Connection,
    newTarget: world.newTarget,
    plan: (target, sample) => world.plan(target, { ...sample, route }),
    request: world.request,
    close: world.close,
  };
}
