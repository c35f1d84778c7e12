import {
  ConnectionHarness,
  describeTrafficRouterContract,
} from '@slipway/backstage-plugin-delivery-node/testing';
import { createPlanObjects } from '../apply';
import {
  contractHarness,
  describeOnCluster,
  missingForCluster,
  readClusterSettings,
} from '../testing';
import { createWorkloads } from '../workloads';
import { openTrafficWorld } from './__testUtils__/trafficWorld';

jest.setTimeout(240_000);

async function createHarness(route: boolean): Promise<ConnectionHarness> {
  const world = await openTrafficWorld();
  const { cluster } = world;
  const traffic = world.newTraffic(route ? {} : { routers: [] });
  return contractHarness({
    world,
    traffic,
    workloads: createWorkloads({ cluster, traffic }),
    objects: createPlanObjects({ cluster, traffic }),
    route,
  });
}

describeOnCluster('On a real cluster', () => {
  describeTrafficRouterContract('Kubernetes without a route', () =>
    createHarness(false),
  );
  if (!missingForCluster() && readClusterSettings().gateway) {
    describeTrafficRouterContract('Kubernetes with an HTTPRoute', () =>
      createHarness(true),
    );
  }
});
