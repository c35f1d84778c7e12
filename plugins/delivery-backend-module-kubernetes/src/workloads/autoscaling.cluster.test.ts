import { setTimeout as delay } from 'node:timers/promises';
import { isKnown, TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { PodOwner } from '../health';
import {
  GENERATION_LABEL,
  generationName,
  SCALED_ANNOTATION,
  TRACK_ANNOTATION,
} from '../names';
import { mapping } from '../plan';
import { describeOnCluster } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';
import { mostBeside } from '../traffic';
import { byHand } from './__testUtils__/byHand';
import {
  openWorkloadsWorld,
  quiet,
  WorkloadsWorld,
} from './__testUtils__/harness';

jest.setTimeout(600_000);

describeOnCluster('A HorizontalPodAutoscaler of the Plan', () => {
  let rooms: WorkloadsWorld;
  beforeAll(async () => {
    rooms = await openWorkloadsWorld();
  });
  afterAll(async () => {
    await rooms?.world.close();
  });

  const generationsOf = async (target: TargetRef) => {
    const seen = await rooms.workloads.observe(target, quiet);
    return new Map(
      isKnown(seen)
        ? seen.known.generations.map(state => [state.generation, state])
        : [],
    );
  };

  it('has the stable generation, keeps what it gave, and moves with the promotion', async () => {
    const { world, workloads, objects } = rooms;
    const { client, namespace } = world;
    const target = world.newTarget();
    const hands = byHand(client, namespace);
    const nameOf = (generation: string) =>
      generationName(world.nameOf(target), generation);
    const scaledName = async () => {
      const live = await client.get(
        {
          apiVersion: 'autoscaling/v2',
          kind: 'HorizontalPodAutoscaler',
          name: world.nameOf(target),
          namespace,
        },
        quiet,
      );
      return mapping(mapping(live?.spec).scaleTargetRef).name;
    };
    const plan = async (version: string) =>
      await world.plan(target, {
        version,
        route: false,
        autoscale: { min: 1, max: 4 },
      });
    const [one, two] = [await plan('one'), await plan('two')];
    const wish = (generation: string, track: string, replicas = 1) => ({
      generation,
      plan: generation === 'one' ? one : two,
      track,
      replicas,
    });
    const fence = (revision: number) => ({ epoch: 1, revision });

    await objects.apply(target, fence(1), one, 'before', quiet);
    await workloads.ensure(target, fence(1), wish('one', 'stable'), quiet);
    await objects.apply(target, fence(1), one, 'promote', quiet);
    expect(await scaledName()).toBe(nameOf('one'));

    // As the autoscaler does it; a real load takes minutes to be measured.
    await client.patch(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: nameOf('one'),
        namespace,
      },
      { spec: { replicas: 3 } },
      { fieldManager: 'kube-controller-manager', subresource: 'scale' },
      quiet,
    );
    await poll('three are ready, of the one that was asked for', async () => {
      const { spec, status } = await hands.get(nameOf('one'));
      return spec?.replicas === 3 && status?.readyReplicas === 3;
    });
    expect((await generationsOf(target)).get('one')).toMatchObject({
      wanted: 1,
      ready: 1,
    });
    await workloads.ensure(target, fence(2), wish('one', 'stable'), quiet);
    expect((await hands.get(nameOf('one'))).spec?.replicas).toBe(3);

    // A canary of everything is as much as what runs, and counts as that.
    await objects.apply(target, fence(3), two, 'before', quiet);
    await workloads.ensure(target, fence(3), wish('two', 'canary'), quiet);
    expect((await hands.get(nameOf('two'))).spec?.replicas).toBe(3);
    await poll('the canary is ready', async () => {
      const state = (await generationsOf(target)).get('two');
      return state?.wanted === 1 && state.ready === 1;
    });
    // The Deployment counts a moment after its pods are ready.
    await poll('all three of it are counted', async () => {
      const { status } = await hands.get(nameOf('two'));
      return status?.readyReplicas === 3;
    });

    await workloads.ensure(target, fence(4), wish('two', 'stable'), quiet);
    await workloads.ensure(target, fence(4), wish('one', 'draining'), quiet);
    await objects.apply(target, fence(4), two, 'promote', quiet);
    expect(await scaledName()).toBe(nameOf('two'));
    await workloads.ensure(target, fence(5), wish('one', 'draining'), quiet);
    await workloads.ensure(target, fence(5), wish('two', 'stable'), quiet);
    for (const generation of ['one', 'two']) {
      expect((await hands.get(nameOf(generation))).spec?.replicas).toBe(3);
      expect((await generationsOf(target)).get(generation)).toMatchObject({
        wanted: 1,
      });
    }
    await workloads.ensure(target, fence(6), wish('one', 'draining', 0), quiet);
    expect((await hands.get(nameOf('one'))).spec?.replicas).toBe(0);
  });
});

/** One that leaves it to the test when it scales. */
function autoscaler(name: string) {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: 2,
      maxReplicas: 6,
      behavior: {
        scaleDown: { selectPolicy: 'Disabled' },
        scaleUp: { selectPolicy: 'Disabled' },
      },
      metrics: [
        {
          type: 'Resource',
          resource: {
            name: 'cpu',
            target: { type: 'Utilization', averageUtilization: 80 },
          },
        },
      ],
    },
  };
}

describeOnCluster('An autoscaler during the pause of a canary', () => {
  const PERCENT = 34;
  const PLANNED = 2;
  /** A look that the watch wakes, and a cluster that is busy. */
  const ONE_LOOK_MS = 3_000;
  let engine: EngineWorld;
  beforeAll(async () => {
    engine = await openEngineWorld({
      steps: `[{ weight: ${PERCENT}% }, { pause: {} }, { weight: 100% }]`,
      manifests: name => ({
        route: undefined,
        replicas: PLANNED,
        extra: JSON.stringify(autoscaler(name)),
      }),
    });
    await engine.world.plan(engine.target, { version: 'unused', route: false });
  });
  afterAll(() => engine?.close());

  async function tracks() {
    const { client, namespace } = engine.world;
    const { items } = await client.list(
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      { namespace, labelSelector: GENERATION_LABEL },
      quiet,
    );
    const of = (track: string): PodOwner | undefined =>
      items.find(
        ({ metadata }) => metadata.annotations?.[TRACK_ANNOTATION] === track,
      );
    return { stable: of('stable'), canary: of('canary') };
  }

  /** As the autoscaler does it; a real load takes minutes to be measured. */
  async function scaleStable(replicas: number) {
    const { client, namespace } = engine.world;
    const { stable } = await tracks();
    await client.patch(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: stable?.metadata.name ?? '',
        namespace,
      },
      { spec: { replicas } },
      { fieldManager: 'kube-controller-manager', subresource: 'scale' },
      quiet,
    );
  }

  /** How long the canary has had more than its share, at most, without a break. */
  function watchShares() {
    let isOn = true;
    let longestMs = 0;
    const watching = (async () => {
      let sinceMs: number | undefined;
      while (isOn) {
        const { stable, canary } = await tracks();
        const most = mostBeside(PERCENT, stable?.spec?.replicas ?? 0);
        const beyond = (canary?.spec?.replicas ?? 0) > most;
        sinceMs = beyond ? sinceMs ?? Date.now() : undefined;
        longestMs = Math.max(longestMs, sinceMs ? Date.now() - sinceMs : 0);
        await delay(50);
      }
    })();
    return async () => {
      isOn = false;
      await watching;
      return longestMs;
    };
  }

  /** What runs is as many as the share allows beside what runs. */
  async function fits(replicas: number) {
    let last: unknown;
    try {
      await poll(`the canary fits beside ${replicas}`, async () => {
        const { stable, canary } = await tracks();
        last = [stable, canary].map(seen => [
          seen?.metadata.annotations,
          seen?.spec?.replicas,
          seen?.status,
        ]);
        return (
          stable?.spec?.replicas === replicas &&
          canary?.spec?.replicas === mostBeside(PERCENT, replicas) &&
          canary.status?.readyReplicas === canary.spec.replicas
        );
      });
    } catch (error) {
      throw new Error(`${error}: ${JSON.stringify(last)}`, { cause: error });
    }
  }

  it('changes nothing about who gets which share, for no longer than a look', async () => {
    const one = await engine.release({ version: 'one' });
    const { deployment: first } = await engine.ended(
      await engine.deploy(one.id),
    );
    expect(first.outcome).toBe('succeeded');
    await poll('it is stable, and has the autoscaler', async () => {
      const { stable } = await tracks();
      return stable?.metadata.annotations?.[SCALED_ANNOTATION] !== undefined;
    });
    await scaleStable(6);
    await poll('six are ready', async () => {
      const { stable } = await tracks();
      return stable?.status?.readyReplicas === 6;
    });

    const two = await engine.release({ version: 'two' });
    const canary = await engine.deploy(two.id);
    const stopWatching = watchShares();
    await engine.until(
      canary,
      'it pauses',
      ({ status }) => status === 'paused',
    );
    await fits(6);
    for (const replicas of [2, 6, 3, 6]) {
      await scaleStable(replicas);
      await fits(replicas);
    }
    const { deployment } = await engine.detail(canary);
    expect(deployment.status).toBe('paused');
    expect(await stopWatching()).toBeLessThan(ONE_LOOK_MS);

    // All of the requests are for as many as stable had, which goes on to have less.
    await engine.command(canary, 'promote');
    expect((await engine.ended(canary)).deployment.outcome).toBe('succeeded');
    const { stable } = await tracks();
    expect(stable?.spec?.replicas).toBe(6);
  });
});
