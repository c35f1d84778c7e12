import { isKnown, TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { generationName } from '../names';
import { describeOnCluster } from '../testing';
import { byHand } from './__testUtils__/byHand';
import {
  openWorkloadsWorld,
  quiet,
  WorkloadsWorld,
} from './__testUtils__/harness';

jest.setTimeout(300_000);

describeOnCluster('Generations in a world with others', () => {
  let rooms: WorkloadsWorld;
  beforeAll(async () => {
    rooms = await openWorkloadsWorld();
  });
  afterAll(async () => {
    await rooms?.world.close();
  });

  const stateOf = async (target: TargetRef, generation: string) => {
    const seen = await rooms.workloads.observe(target, quiet);
    return isKnown(seen)
      ? seen.known.generations.find(state => state.generation === generation)
      : undefined;
  };

  async function running(replicas = 1) {
    const { world, workloads, objects } = rooms;
    const target = world.newTarget();
    const plan = await world.plan(target, { version: 'one', route: false });
    const wish = { generation: 'one', plan, track: 'stable', replicas };
    const fence = { epoch: 1, revision: 1 };
    await objects.apply(target, fence, plan, 'before', quiet);
    await workloads.ensure(target, fence, wish, quiet);
    const name = generationName(world.nameOf(target), 'one');
    return { target, plan, wish, name };
  }

  it.each([
    [2, /\.spec\.replicas belongs to "kubectl"/],
    // Kubernetes forgets who wrote a 0.
    [0, /\.spec\.replicas was set from 1 to 0/],
  ])(
    'shows what kubectl scaled to %d, and takes it back only when told to',
    async (replicas, message) => {
      const { world, workloads } = rooms;
      const { target, wish, name } = await running();
      await byHand(world.client, world.namespace).scale(name, replicas);
      await poll('it is seen as it is', async () => {
        const state = await stateOf(target, 'one');
        return state?.wanted === replicas;
      });
      const fence = { epoch: 1, revision: 2 };
      await expect(
        workloads.ensure(target, fence, wish, quiet),
      ).rejects.toMatchObject({
        name: 'ConflictError',
        message: expect.stringMatching(message),
      });
      await workloads.ensure(target, { ...fence, takeOver: true }, wish, quiet);
      expect(await stateOf(target, 'one')).toMatchObject({ wanted: 1 });
      // And it is ours again, without anybody's word.
      await workloads.ensure(
        target,
        { epoch: 1, revision: 3 },
        { ...wish, replicas: 3 },
        quiet,
      );
      expect(await stateOf(target, 'one')).toMatchObject({ wanted: 3 });
    },
  );

  it('does not write over what was edited, and lets a person decide', async () => {
    const { world, workloads } = rooms;
    const { target, wish, name } = await running();
    const hands = byHand(world.client, world.namespace);
    const { spec } = await hands.get(name);
    const [container] = spec?.template?.spec?.containers ?? [];
    await hands.edit(name, {
      spec: {
        template: {
          spec: { containers: [{ ...container, image: 'somewhere/else:1' }] },
        },
      },
    });
    await expect(
      workloads.ensure(target, { epoch: 1, revision: 2 }, wish, quiet),
    ).rejects.toThrow(
      /\.spec\.template\.spec\.containers\[name="app"\]\.image belongs to "kubectl-edit"/,
    );
    await workloads.ensure(
      target,
      { epoch: 1, revision: 2, takeOver: true },
      wish,
      quiet,
    );
    const after = await hands.get(name);
    expect(after.spec?.template?.spec?.containers?.[0].image).toBe(
      wish.plan.images.app,
    );
  });

  it('brings back a Deployment that was deleted', async () => {
    const { world, workloads } = rooms;
    const { target, wish, name } = await running();
    const { namespace } = world;
    await world.client.delete(
      { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace },
      {},
      quiet,
    );
    expect(await stateOf(target, 'one')).toBeUndefined();
    await workloads.ensure(target, { epoch: 1, revision: 2 }, wish, quiet);
    await poll('it is ready again', async () => {
      const state = await stateOf(target, 'one');
      return state?.ready === 1;
    });
  });

  it('leaves objects alone that are another target’s', async () => {
    const { world, workloads } = rooms;
    const { wish } = await running();
    const other = world.newTarget();
    await expect(
      workloads.ensure(other, { epoch: 1, revision: 1 }, wish, quiet),
    ).rejects.toMatchObject({
      name: 'ConflictError',
      message: expect.stringMatching(/belongs to component:default\/shop-/),
    });
  });

  it('does not remove what still gets traffic', async () => {
    const { world, workloads, traffic } = rooms;
    const { target } = await running();
    await poll('it is ready', async () => {
      const state = await stateOf(target, 'one');
      return state?.ready === 1;
    });
    const fence = { epoch: 1, revision: 2 };
    const shares = [{ generation: 'one', percent: 100 }];
    await poll('it has the traffic', async () => {
      await traffic.request(target, fence, shares, quiet);
      const seen = await traffic.observe(target, quiet);
      return isKnown(seen) && seen.known.accepted.length > 0;
    });
    await expect(workloads.remove(target, fence, 'one', quiet)).rejects.toThrow(
      /still gets 100% of the traffic/,
    );
    await poll('it serves', async () => {
      const answer = await world.request(target);
      return answer.version === 'one';
    });
  });

  it('remembers the fence of a target of which nothing runs any more', async () => {
    const { workloads } = rooms;
    const { target, wish } = await running(0);
    await workloads.remove(target, { epoch: 7, revision: 9 }, 'one', quiet);
    expect(await workloads.observe(target, quiet)).toMatchObject({
      known: { generations: [] },
      reflects: 9,
    });
    await expect(
      workloads.ensure(target, { epoch: 6, revision: 10 }, wish, quiet),
    ).rejects.toMatchObject({ name: 'StaleEpochError', theirs: 7 });
  });

  it('says what a quota refuses', async () => {
    const { world, workloads } = rooms;
    await world.client.create(
      {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'nothing', namespace: world.namespace },
        spec: { hard: { 'requests.memory': '1Ki' } },
      },
      { fieldManager: 'slipway-test' },
      quiet,
    );
    try {
      const { target } = await running();
      const state = await poll('the cause', async () => {
        const now = await stateOf(target, 'one');
        return now?.cause && now;
      });
      expect(state).toMatchObject({
        ready: 0,
        cause: { code: 'quota-exceeded' },
      });
      await workloads.remove(target, { epoch: 1, revision: 2 }, 'one', quiet);
    } finally {
      await world.client.delete(
        {
          apiVersion: 'v1',
          kind: 'ResourceQuota',
          name: 'nothing',
          namespace: world.namespace,
        },
        {},
        quiet,
      );
    }
  });

  it('says that the namespace is gone, and neither invents nor throws what runs', async () => {
    const { world, workloads, objects } = rooms;
    const { target, wish, plan } = await running();
    await world.client.delete(
      { apiVersion: 'v1', kind: 'Namespace', name: world.namespace },
      { propagation: 'Background' },
      quiet,
    );
    const fence = { epoch: 1, revision: 2 };
    await expect(
      poll(
        'it is refused',
        async () => {
          await objects.apply(target, fence, plan, 'before', quiet);
          await workloads.ensure(
            target,
            fence,
            { ...wish, generation: 'two' },
            quiet,
          );
          return undefined;
        },
        5_000,
      ),
    ).rejects.toMatchObject({
      cause: expect.objectContaining({
        message: expect.stringMatching(
          /because it is being terminated|not found/,
        ),
      }),
    });
    await poll(
      'nothing runs',
      async () => {
        expect(await workloads.observe(target, quiet)).toMatchObject({
          known: { generations: [] },
        });
        return true;
        // Namespaces end pod by pod, and only then lose the rest.
      },
      180_000,
    );
  });
});
