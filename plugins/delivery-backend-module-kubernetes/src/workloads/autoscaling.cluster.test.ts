import { isKnown, TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { generationName } from '../names';
import { mapping } from '../plan';
import { describeOnCluster } from '../testing';
import { byHand } from './__testUtils__/byHand';
import {
  openWorkloadsWorld,
  quiet,
  WorkloadsWorld,
} from './__testUtils__/harness';

jest.setTimeout(240_000);

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
    expect((await hands.get(nameOf('two'))).status?.readyReplicas).toBe(3);

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
