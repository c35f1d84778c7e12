import { isKnown } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { createPlanObjects } from '../apply';
import { KubeClient } from '../client';
import { TARGET_LABEL, targetLabel } from '../names';
import { describeOnCluster } from '../testing';
import { createClusterTraffic } from '../traffic';
import {
  openWorkloadsWorld,
  quiet,
  silentLogger,
  WorkloadsWorld,
} from './__testUtils__/harness';
import { createWorkloads } from './workloads';

jest.setTimeout(240_000);

class Killed extends Error {}

/** A client whose process dies at its n-th write: before it, or right after it. */
function dyingClient(
  client: KubeClient,
  diesAt: number,
  when: 'before' | 'after',
): KubeClient & { writes(): number } {
  let writes = 0;
  function around<A extends unknown[], R>(write: (...args: A) => Promise<R>) {
    return async (...args: A): Promise<R> => {
      writes += 1;
      if (writes > diesAt || (writes === diesAt && when === 'before')) {
        throw new Killed();
      }
      const result = await write(...args);
      if (writes === diesAt) {
        throw new Killed();
      }
      return result;
    };
  }
  return {
    ...client,
    create: around(client.create),
    apply: around(client.apply),
    patch: around(client.patch),
    delete: around(client.delete),
    writes: () => writes,
  };
}

describeOnCluster('Killed between any two writes', () => {
  let rooms: WorkloadsWorld;
  beforeAll(async () => {
    rooms = await openWorkloadsWorld();
  });
  afterAll(async () => {
    await rooms?.world.close();
  });

  function roomsWith(client: KubeClient) {
    const cluster = { ...rooms.world.cluster, client };
    const traffic = createClusterTraffic({ cluster, logger: silentLogger });
    return {
      workloads: createWorkloads({ cluster }),
      objects: createPlanObjects({ cluster, traffic }),
    };
  }

  it.each(['before', 'after'] as const)(
    'dying right %s each write, the next worker ends in the same world',
    async when => {
      const { world } = rooms;
      const target = world.newTarget();
      const plan = await world.plan(target, {
        version: 'one',
        route: false,
        autoscale: { min: 1, max: 2 },
        minAvailable: 1,
      });
      const next = await world.plan(target, {
        version: 'two',
        route: false,
        config: { GREETING: 'good evening' },
      });
      const wish = { generation: 'one', plan, track: 'stable', replicas: 1 };
      // Each try is a worker of its own that gets one write further.
      let died = 0;
      for (let at = 1; ; at += 1) {
        const { workloads: theirs, objects: ofTheirs } = roomsWith(
          dyingClient(world.cluster.client, at, when),
        );
        const fenceOfTheirs = { epoch: at, revision: 1 };
        try {
          await ofTheirs.apply(target, fenceOfTheirs, plan, 'before', quiet);
          await theirs.ensure(target, fenceOfTheirs, wish, quiet);
          break;
        } catch (error) {
          if (!(error instanceof Killed)) {
            throw error;
          }
          died += 1;
        }
      }
      expect(died).toBeGreaterThan(2);

      const fence = { epoch: 100, revision: 2 };
      const { workloads, objects } = rooms;
      await workloads.ensure(target, fence, wish, quiet);
      // Shared objects are written each time anew: dying late enough is enough.
      for (let at = 1; ; at += 1) {
        const dying = roomsWith(dyingClient(world.cluster.client, at, when));
        try {
          await dying.objects.apply(target, fence, plan, 'promote', quiet);
          break;
        } catch (error) {
          if (!(error instanceof Killed)) {
            throw error;
          }
        }
      }
      await poll('it is ready', async () => {
        const seen = await workloads.observe(target, quiet);
        return (
          isKnown(seen) &&
          seen.reflects === 2 &&
          seen.known.generations.length === 1 &&
          seen.known.generations[0].ready === 1
        );
      });

      await objects.apply(
        target,
        { epoch: 101, revision: 3 },
        next,
        'before',
        quiet,
      );
      await workloads.ensure(
        target,
        { epoch: 101, revision: 3 },
        { generation: 'two', plan: next, track: 'stable', replicas: 1 },
        quiet,
      );
      await objects.apply(
        target,
        { epoch: 101, revision: 3 },
        next,
        'promote',
        quiet,
      );
      for (let at = 1; ; at += 1) {
        const dying = roomsWith(dyingClient(world.cluster.client, at, when));
        const last = { epoch: 101 + at, revision: 4 };
        try {
          await dying.workloads.remove(target, last, 'one', quiet);
          await dying.objects.prune(target, last, [next], quiet);
          break;
        } catch (error) {
          if (!(error instanceof Killed)) {
            throw error;
          }
        }
      }
      expect(await namesLeft()).toEqual({
        Deployment: [`${world.nameOf(target)}-two`],
        HorizontalPodAutoscaler: [],
        PodDisruptionBudget: [],
        Service: [world.nameOf(target), `${world.nameOf(target)}-two`],
        configs: 1,
      });

      async function namesLeft() {
        const list = async (apiVersion: string, kind: string) => {
          const { items } = await world.client.list(
            { apiVersion, kind },
            {
              namespace: world.namespace,
              labelSelector: `${TARGET_LABEL}=${targetLabel(target)}`,
            },
            quiet,
          );
          return items.map(({ metadata }) => metadata.name).sort();
        };
        const maps = await list('v1', 'ConfigMap');
        return {
          Deployment: await list('apps/v1', 'Deployment'),
          HorizontalPodAutoscaler: await list(
            'autoscaling/v2',
            'HorizontalPodAutoscaler',
          ),
          PodDisruptionBudget: await list('policy/v1', 'PodDisruptionBudget'),
          Service: await list('v1', 'Service'),
          configs: maps.filter(name => !name.startsWith('slipway-')).length,
        };
      }
    },
  );
});
