import {
  DelegatedState,
  isKnown,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { DelegatedRollout } from '@slipway/backstage-plugin-delivery-node';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster, TestPlanOptions } from '../testing';
import { byHand } from './__testUtils__/byHand';
import {
  openWorkloadsWorld,
  quiet,
  WorkloadsWorld,
} from './__testUtils__/harness';
import { createDelegatedRollout } from './delegatedRollout';

jest.setTimeout(240_000);

describeOnCluster('A rolling deployment that Kubernetes leads', () => {
  let rooms: WorkloadsWorld;
  let delegated: DelegatedRollout;
  beforeAll(async () => {
    rooms = await openWorkloadsWorld();
    delegated = createDelegatedRollout({ cluster: rooms.world.cluster });
  });
  afterAll(async () => {
    await rooms?.world.close();
  });

  const lowered = () => {
    const result = delegated.lower({
      type: 'rolling',
      maxSurge: { count: 1 },
      maxUnavailable: { count: 0 },
    });
    if ('cannot' in result) {
      throw new Error(result.cannot.join());
    }
    return result.program;
  };

  /** As the engine does it: phase `before`, then the run. */
  async function start(
    target: TargetRef,
    version: string,
    revision: number,
    more: Partial<TestPlanOptions> & {
      key?: string;
      paused?: boolean;
      progressDeadlineMs?: number;
      epoch?: number;
      takeOver?: true;
    } = {},
  ) {
    const {
      key = `run-${version}`,
      paused = false,
      takeOver,
      epoch = 1,
    } = more;
    const plan = await rooms.world.plan(target, {
      version,
      route: false,
      behaviour: more.behaviour,
    });
    const fence = { epoch, revision, ...(takeOver && { takeOver }) };
    await rooms.objects.apply(target, fence, plan, 'before', quiet);
    await delegated.start(
      target,
      fence,
      {
        key,
        generation: version,
        plan,
        replicas: 1,
        program: lowered(),
        paused,
        progressDeadlineMs: more.progressDeadlineMs ?? 60_000,
      },
      quiet,
    );
    return plan;
  }

  async function tell(target: TargetRef): Promise<DelegatedState | undefined> {
    const seen = await delegated.observe(target, quiet);
    if (!isKnown(seen)) {
      throw new Error(seen.unknown);
    }
    return seen.known;
  }

  const until = (target: TargetRef, phase: DelegatedState['phase']) =>
    poll(
      phase,
      async () => {
        const now = await tell(target);
        return now?.phase === phase && now;
      },
      90_000,
    );

  it('says what it can lead, and what it cannot', () => {
    expect(lowered()).toEqual({
      rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
    });
    expect(
      delegated.lower({
        type: 'rolling',
        maxSurge: { count: 0 },
        maxUnavailable: { percent: 0 },
      }),
    ).toMatchObject({ cannot: [expect.stringMatching(/no pod could ever/)] });
    expect(
      delegated.lower({ type: 'canary', steps: [] } as never),
    ).toMatchObject({
      cannot: [expect.stringMatching(/divides no traffic/)],
    });
  });

  it('knows nothing where nothing was asked for', async () => {
    expect(await tell(rooms.world.newTarget())).toBeUndefined();
  });

  it('replaces one generation by the next, and goes back by the Plan before', async () => {
    const target = rooms.world.newTarget();
    await start(target, 'one', 1);
    expect(await until(target, 'succeeded')).toMatchObject({ key: 'run-one' });
    await start(target, 'two', 2);
    const seen = await delegated.observe(target, quiet);
    expect(isKnown(seen) && seen.known?.key).toBe('run-two');
    await until(target, 'succeeded');
    const world = await rooms.workloads.observe(target, quiet);
    expect(world).toMatchObject({
      known: { generations: [{ generation: 'two', wanted: 1, ready: 1 }] },
      reflects: 2,
    });
    // Again with the same key: nothing moves, and the write is seen.
    await start(target, 'two', 3);
    expect(await until(target, 'succeeded')).toEqual({
      key: 'run-two',
      phase: 'succeeded',
      message: '1 of 1 are new, 1 available, 0 old left',
    });
    await start(target, 'one', 4, { key: 'run-two.back' });
    expect(await until(target, 'succeeded')).toMatchObject({
      key: 'run-two.back',
    });
    expect(await rooms.workloads.observe(target, quiet)).toMatchObject({
      known: { generations: [{ generation: 'one', ready: 1 }] },
    });
  });

  it('says that Kubernetes gave up, and why, while what served still serves', async () => {
    const target = rooms.world.newTarget();
    await start(target, 'good', 1);
    await until(target, 'succeeded');
    await start(target, 'bad', 2, {
      behaviour: 'never-ready',
      progressDeadlineMs: 5_000,
    });
    const failed = await until(target, 'failed');
    expect(failed).toMatchObject({
      message: expect.stringMatching(/ProgressDeadlineExceeded/),
      cause: { code: 'probe-failing' },
    });
    const seen = await rooms.workloads.observe(target, quiet);
    expect(
      isKnown(seen) &&
        seen.known.generations.find(({ generation }) => generation === 'good'),
    ).toMatchObject({ ready: 1 });
    // What is being replaced is Kubernetes' to take away, not ours.
    await rooms.workloads.remove(
      target,
      { epoch: 1, revision: 3 },
      'good',
      quiet,
    );
    expect(await tell(target)).toMatchObject({ phase: 'failed' });
  });

  it('is held and goes on', async () => {
    const target = rooms.world.newTarget();
    await start(target, 'one', 1);
    await until(target, 'succeeded');
    await start(target, 'two', 2, { paused: true });
    expect(await until(target, 'paused')).toMatchObject({ key: 'run-two' });
    await start(target, 'two', 3, { paused: false });
    await until(target, 'succeeded');
  });

  it('sees that somebody undid it, who, and takes it back when a person says so', async () => {
    const { world } = rooms;
    const target = world.newTarget();
    await start(target, 'one', 1);
    await until(target, 'succeeded');
    await start(target, 'two', 2);
    await until(target, 'succeeded');
    await byHand(world.client, world.namespace).undo(world.nameOf(target));
    const foreign = await until(target, 'foreign');
    expect(foreign.message).toMatch(/"kubectl-rollout" has brought .*one/);
    await start(target, 'two', 3, { key: 'again', takeOver: true });
    expect(await until(target, 'succeeded')).toMatchObject({ key: 'again' });
    await expect(start(target, 'three', 4, { epoch: 0 })).rejects.toMatchObject(
      { name: 'StaleEpochError', theirs: 1 },
    );
  });
});
