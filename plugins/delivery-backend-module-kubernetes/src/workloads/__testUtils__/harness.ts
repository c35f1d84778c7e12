import {
  PlanObjects,
  Workloads,
} from '@slipway/backstage-plugin-delivery-node';
import { ConnectionHarness } from '@slipway/backstage-plugin-delivery-node/testing';
import { createPlanObjects } from '../../apply';
import { contractHarness, openTestCluster, TestCluster } from '../../testing';
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

export async function createContractHarness(): Promise<ConnectionHarness> {
  const { world, traffic, workloads, objects } = await openWorkloadsWorld();
  return contractHarness({
    world,
    traffic,
    workloads,
    objects,
    route: false,
  });
}
