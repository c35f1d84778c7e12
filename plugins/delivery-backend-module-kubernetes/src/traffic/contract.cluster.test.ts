import { Connection } from '@slipway/backstage-plugin-delivery-node';
import {
  ConnectionHarness,
  describeTrafficRouterContract,
} from '@slipway/backstage-plugin-delivery-node/testing';
import { createPlanObjects } from '../apply';
import {
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
  const workloads = createWorkloads({ cluster, traffic });
  const objects = createPlanObjects({ cluster, traffic });
  const connection: Pick<Connection, 'workloads' | 'traffic' | 'objects'> = {
    traffic,
    objects,
    workloads: {
      ...workloads,
      // What the engine does before it brings a new generation up.
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
