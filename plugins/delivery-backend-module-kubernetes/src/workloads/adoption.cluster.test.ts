import { setTimeout as delay } from 'node:timers/promises';
import { isKnown, TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { openSession } from './session';
import { describeOnCluster } from '../testing';
import { byHand } from './__testUtils__/byHand';
import {
  openWorkloadsWorld,
  quiet,
  WorkloadsWorld,
} from './__testUtils__/harness';
import { release } from './adoption';

jest.setTimeout(240_000);

describeOnCluster('A plain Deployment that was there before', () => {
  let rooms: WorkloadsWorld;
  beforeAll(async () => {
    rooms = await openWorkloadsWorld();
  });
  afterAll(async () => {
    await rooms?.world.close();
  });

  const generationsOf = async (target: TargetRef) => {
    const seen = await rooms.workloads.observe(target, quiet);
    return isKnown(seen) ? seen.known.generations : [];
  };

  let asking: Promise<void> = Promise.resolve();
  let isAsking = false;

  /** One request after the other, until the test has ended. */
  function startAsking(target: TargetRef) {
    const answers: string[] = [];
    const failures: unknown[] = [];
    isAsking = true;
    asking = (async () => {
      while (isAsking) {
        try {
          const { version = '?' } = await rooms.world.request(target);
          answers.push(version);
        } catch (error) {
          failures.push(error);
        }
        await delay(20);
      }
    })();
    return { answers, failures };
  }

  async function stopAsking() {
    isAsking = false;
    await asking;
  }

  afterEach(stopAsking);

  it('is seen, taken over without a lost request, and given back', async () => {
    const { world, workloads, traffic, objects } = rooms;
    const { client, namespace } = world;
    const target = world.newTarget();
    const name = world.nameOf(target);
    const hands = byHand(client, namespace);
    const before = await world.plan(target, { version: 'plain', route: false });
    await world.applyPlain(before);
    await poll('it serves', async () => {
      const answer = await world.request(target);
      return answer.version === 'plain';
    });

    const untouched = (await hands.get(name)).spec;
    const { answers, failures } = startAsking(target);

    const fence = (revision: number) => ({ epoch: 1, revision });
    const plan = await world.plan(target, { version: 'one', route: false });
    // Its Service is kubectl's, until a person says otherwise.
    await expect(
      objects.apply(target, fence(1), plan, 'before', quiet),
    ).rejects.toMatchObject({
      name: 'ConflictError',
      message: expect.stringMatching(/spec\.selector .* belongs to kubectl/),
    });
    const takeOver = { ...fence(1), takeOver: true } as const;
    await objects.apply(target, takeOver, plan, 'before', quiet);
    await workloads.ensure(
      target,
      fence(1),
      { generation: 'one', plan, track: 'canary', replicas: 1 },
      quiet,
    );
    const seen = await poll('both are ready', async () => {
      const now = await generationsOf(target);
      return now.length === 2 && now.every(({ ready }) => ready === 1) && now;
    });
    const adopted = seen.find(({ generation }) => generation !== 'one');
    expect(adopted?.generation).toMatch(/^adopted-[0-9a-f]{8}$/);
    expect((await hands.get(name)).spec).toEqual(untouched);

    const shares = [{ generation: 'one', percent: 100 }];
    await poll('the traffic is ours', async () => {
      await traffic.request(target, fence(2), shares, quiet);
      const now = await traffic.observe(target, quiet);
      return isKnown(now) && now.known.accepted[0]?.percent === 100;
    });
    await workloads.remove(target, fence(3), adopted?.generation ?? '', quiet);
    await objects.apply(target, fence(3), plan, 'promote', quiet);
    await objects.prune(target, fence(3), [plan], quiet);
    await poll('it stands still, and is not deleted', async () => {
      const [one, ...others] = await generationsOf(target);
      const left = await hands.get(name);
      return (
        one.generation === 'one' &&
        others.length === 0 &&
        left.spec?.replicas === 0 &&
        (left.status?.replicas ?? 0) === 0
      );
    });
    const enough = answers.length + 20;
    await poll('some more answers', async () => answers.length >= enough);
    expect(answers.at(-1)).toBe('one');

    const { context, deployments } = await openSession(
      world.cluster,
      target,
      fence(4),
      quiet,
    );
    const kept = deployments.find(({ role }) => role === 'adopted');
    expect(kept).toBeDefined();
    if (kept) {
      await release(context, kept);
    }
    await poll('it runs as before', async () => {
      const given = await hands.get(name);
      return given.status?.readyReplicas === 1;
    });
    const given = await hands.get(name);
    expect(
      [
        ...Object.keys(given.metadata.labels ?? {}),
        ...Object.keys(given.metadata.annotations ?? {}),
      ].filter(key => key.startsWith('slipway.dev/')),
    ).toEqual([]);
    await stopAsking();
    expect(failures).toEqual([]);
    expect(new Set(answers)).toEqual(new Set(['plain', 'one']));
  });
});
