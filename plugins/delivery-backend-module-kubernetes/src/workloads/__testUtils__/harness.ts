import {
  Connection,
  PlanObjects,
  Workloads,
} from '@slipway/backstage-plugin-delivery-node';
import { ConnectionHarness } from '@slipway/backstage-plugin-delivery-node/testing';
import { createPlanObjects } from '../../apply';
import { openTestCluster, TestCluster } from '../../testing';
import { ClusterTraffic, createClusterTraffic } from '../../traffic';
import { createWorkloads } from '../workloads';

/** The three rooms that write, on a real cluster. */
export interface WorkloadsWorld {
  world: TestCluster;
  workloads: Workloads;
  traffic: ClusterTraffic;
  objects: PlanObjects;
}

export const quiet = new AbortController().signal;

export const silentLogger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silentLogger,
};

export async function openWorkloadsWorld(): Promise<WorkloadsWorld> {
  const world = await openTestCluster();
  const { cluster } = world;
  const traffic = createClusterTraffic({ cluster, logger: silentLogger });
  return {
    world,
    traffic,
    workloads: createWorkloads({ cluster, traffic }),
    objects: createPlanObjects({ cluster, traffic }),
  };
}

/**
 * As the contract suites want it: what the engine does before it brings a new
 * generation up (phase `before`) is done here.
 */
export async function createContractHarness(): Promise<ConnectionHarness> {
  const { world, traffic, workloads, objects } = await openWorkloadsWorld();
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
    plan: (target, sample) => world.plan(target, { ...sample, route: false }),
    request: world.request,
    close: world.close,
  };
}
