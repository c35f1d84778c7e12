import {
  ConnectionHarness,
  ConnectionHarnessFactory,
  bringUp,
  quiet,
  stateOf,
} from './connectionHarness';
import { poll } from './poll';

/**
 * What every `Workloads` adapter promises the engine, against its real world.
 *
 * @public
 */
export function describeWorkloadsContract(
  name: string,
  createHarness: ConnectionHarnessFactory,
): void {
  describe(`${name} keeps the contract of Workloads`, () => {
    let harness: ConnectionHarness;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(async () => {
      await harness?.close();
    });

    it('knows that a target it never saw runs nothing', async () => {
      const observed = await harness.connection.workloads.observe(
        harness.newTarget(),
        quiet,
      );
      expect(observed).toMatchObject({
        known: { generations: [] },
        reflects: 0,
      });
    });

    it('looks at a Plan before it is applied', async () => {
      const target = harness.newTarget();
      const plan = await harness.plan(target, { version: 'one' });
      const { workloads } = harness.connection;
      await expect(
        workloads.inspect(plan.objects, plan.images, target),
      ).resolves.toMatchObject({ replicas: 1, ignored: expect.any(Array) });
      await expect(
        workloads.inspect([], plan.images, target),
      ).rejects.toMatchObject({ name: 'InputError' });
    });

    it('brings a generation up, and observes our write and the digests that run', async () => {
      const target = harness.newTarget();
      const plan = await harness.plan(target, { version: 'one' });
      const state = await bringUp(harness, target, {
        generation: 'one',
        plan,
        replicas: 2,
        revision: 4,
      });
      expect(state).toMatchObject({
        planId: plan.id,
        wanted: 2,
        ready: 2,
      });
      expect(state.cause).toBeUndefined();
      for (const instance of state.instances) {
        expect(instance).toMatchObject({ phase: 'running', ready: true });
        for (const [image, digest] of Object.entries(instance.digests ?? {})) {
          expect(plan.images[image]).toContain(digest);
        }
      }
      const observed = await harness.connection.workloads.observe(
        target,
        quiet,
      );
      expect('known' in observed && observed.reflects).toBe(4);
    });

    it('changes nothing when the same is asked for again, and keeps the others when scaled', async () => {
      const target = harness.newTarget();
      const plan = await harness.plan(target, { version: 'one' });
      const wanted = { generation: 'one', plan, replicas: 2, revision: 1 };
      const ids = async () =>
        ((await stateOf(harness, target, 'one'))?.instances ?? [])
          .map(({ id }) => id)
          .sort();
      await bringUp(harness, target, wanted);
      const two = await ids();
      await bringUp(harness, target, { ...wanted, revision: 2 });
      expect(await ids()).toEqual(two);
      await bringUp(harness, target, { ...wanted, replicas: 3, revision: 3 });
      expect(await ids()).toEqual(expect.arrayContaining(two));
      await bringUp(harness, target, { ...wanted, replicas: 1, revision: 4 });
      expect(two).toEqual(expect.arrayContaining(await ids()));
    });

    it('removes one generation and no other, however often it is told', async () => {
      const target = harness.newTarget();
      const { workloads } = harness.connection;
      for (const version of ['one', 'two']) {
        await bringUp(harness, target, {
          generation: version,
          plan: await harness.plan(target, { version }),
          replicas: 1,
          revision: 1,
        });
      }
      const isGone = async () =>
        (await stateOf(harness, target, 'one')) === undefined;
      for (const revision of [2, 3]) {
        await workloads.remove(target, { epoch: 1, revision }, 'one', quiet);
        await poll('it is gone', isGone);
      }
      expect(await stateOf(harness, target, 'two')).toMatchObject({ ready: 1 });
    });

    it('refuses an older epoch where it declares that it can compare', async () => {
      const { workloads } = harness.connection;
      if (workloads.fencing !== 'compare-and-set') {
        return;
      }
      const target = harness.newTarget();
      const plan = await harness.plan(target, { version: 'one' });
      await bringUp(harness, target, {
        generation: 'one',
        plan,
        replicas: 1,
        revision: 1,
        epoch: 5,
      });
      const old = { epoch: 4, revision: 9 };
      await expect(
        workloads.ensure(
          target,
          old,
          { generation: 'one', plan, track: 'stable', replicas: 0 },
          quiet,
        ),
      ).rejects.toMatchObject({ name: 'StaleEpochError', theirs: 5 });
      await expect(
        workloads.remove(target, old, 'one', quiet),
      ).rejects.toMatchObject({ name: 'StaleEpochError', theirs: 5 });
      expect(await stateOf(harness, target, 'one')).toMatchObject({
        wanted: 1,
      });
    });

    it.each([
      ['never-ready', 'probe-failing', /./],
      ['crashing', 'crash-loop', /the till is empty/],
    ] as const)(
      'says why what is %s is not ready, with the evidence',
      async (behaviour, code, evidence) => {
        const target = harness.newTarget();
        const plan = await harness.plan(target, { version: 'bad', behaviour });
        await harness.connection.workloads.ensure(
          target,
          { epoch: 1, revision: 1 },
          { generation: 'bad', plan, track: 'canary', replicas: 1 },
          quiet,
        );
        const state = await poll(`the cause ${code}`, async () => {
          const now = await stateOf(harness, target, 'bad');
          return now?.cause?.code === code && now;
        });
        expect(state.ready).toBe(0);
        expect(state.cause?.evidence).toMatch(evidence);
      },
    );
  });
}
