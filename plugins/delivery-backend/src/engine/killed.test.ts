import { CrashInjector } from './testing/crashInjector';
import { createFixture, Fixture } from './testing/fixture';
import { generationOf } from './testing/rows';

/*
 * Promise 1 and 2: a process may be killed at any point, nothing that was
 * accepted is lost, and every effect is idempotent. The test enumerates every
 * call to the database and to the world that a whole canary makes, dies before
 * each of them, and goes on with another process.
 */

jest.mock('./rooms', () => ({
  defaultRooms: {
    ...jest.requireActual('../rollout'),
    ...jest.requireActual('../analysis'),
  },
}));
jest.setTimeout(600_000);

interface End {
  statuses: string[];
  stable?: string;
  shares: Record<string, number>;
  replicas: Record<string, number>;
  held: boolean;
  news: string[];
  /** Each write that changed the world, in order. */
  effects: string[];
}

describe.each([
  { name: 'a canary that is promoted', successRate: 1, outcome: 'succeeded' },
  {
    name: 'a canary that is rolled back',
    successRate: 0.8,
    outcome: 'rolled-back',
  },
])('killed at every transition of $name', ({ successRate, outcome }) => {
  let fixture: Fixture;
  let run = 0;

  beforeAll(async () => {
    fixture = await createFixture();
  });
  afterAll(async () => {
    await fixture.close();
  });

  /** Deploys r1, then r2 with a death; names are made the same for all runs. */
  async function play(
    dieAt: number,
  ): Promise<{ end: End; calls: number; diedBefore?: string }> {
    run += 1;
    const { store, world, clock } = fixture;
    const service = `component:default/svc-${run}`;
    const target = { service, environment: 'production' };
    const [old, next] = [`old-${run}`, `new-${run}`];
    await fixture.addService(service, [old, next]);
    world.behaviours.set(next, { successRate });
    const steady = fixture.driver();
    const first = await steady.ended(
      (
        await steady.deploy({ ...target, releaseId: old })
      ).id,
    );
    await steady.pass(1_000);
    world.effects.length = 0;

    const second = await steady.deploy({ ...target, releaseId: next });
    const injector: CrashInjector = new CrashInjector(dieAt, () =>
      mortal.kill(),
    );
    const mortal = fixture.driver({
      store: injector.store(store),
      connections: new Map([
        ['production', injector.connection(world.connection())],
      ]),
      owner: 'mortal',
    });
    const isOver = async () =>
      (await store.deployments.get(second.id))?.outcome !== undefined &&
      Object.keys(world.replicas(target)).length === 1;
    while (injector.diedBefore === undefined && !(await isOver())) {
      try {
        if ((await mortal.work()) === 0) {
          clock.nowMs += 50;
        }
      } catch (error) {
        expect(`${error}`).toContain('Killed');
      }
    }
    // Another process, which remembers nothing.
    const heir = fixture.driver({ owner: 'heir' });
    await heir.until(
      `the deployment is over, after a death before ${injector.diedBefore}`,
      isOver,
    );
    await heir.pass(1_000);

    const row = await store.targets.get(target);
    const named = (text: string) =>
      text
        .replaceAll(generationOf(old, 'production'), 'old')
        .replaceAll(generationOf(next, 'production'), 'new')
        .replaceAll(first.id, 'first')
        .replaceAll(second.id, 'second');
    const keys = Object.fromEntries;
    const news: Array<{ key: string }> = await fixture
      .knex('outbox')
      .select('key')
      .where('key', 'like', `${second.id}%`);
    const all = await store.deployments.list({ service });
    return {
      calls: injector.calls,
      diedBefore: injector.diedBefore,
      end: {
        statuses: all.items.map(({ status }) => status),
        stable: row?.record.stable && named(row.record.stable.generation),
        shares: keys(
          Object.entries(world.shares(target)).map(([g, share]) => [
            named(g),
            share,
          ]),
        ),
        replicas: keys(
          Object.entries(world.replicas(target)).map(([g, count]) => [
            named(g),
            count,
          ]),
        ),
        held: row?.hold !== undefined,
        news: news.map(({ key }) => named(key)).sort(),
        effects: world.effects.map(named),
      },
    };
  }

  it('ends as if nothing had happened, with no effect done twice', async () => {
    const t0 = Date.now();
    const undisturbed = await play(Infinity);
    console.log(undisturbed.calls, Date.now() - t0, process.cpuUsage());
    expect(undisturbed.end).toMatchObject({
      statuses: [outcome, 'succeeded'],
      news: [`second:${outcome}`],
      held: outcome === 'rolled-back',
    });
    expect(undisturbed.calls).toBeGreaterThan(50);

    // To die after a call is to die before the next one: between two calls
    // nothing leaves the process.
    for (let dieAt = 1; dieAt <= 8; dieAt += 1) {
      const { end, diedBefore } = await play(dieAt);
      expect({ dieAt, diedBefore, ...end }).toEqual({
        dieAt,
        diedBefore: expect.any(String),
        ...undisturbed.end,
      });
    }
    expect(fixture.world.violations).toEqual([]);
  });
});
