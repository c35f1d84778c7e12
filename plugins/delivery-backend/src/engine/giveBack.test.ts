import { TargetVerb } from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  Fence,
  StaleEpochError,
} from '@slipway/backstage-plugin-delivery-node';
import { GIVE_BACK_DEADLINE_MS } from '../rollout';
import { Driver } from './testing/driver';
import { createFixture, Fixture } from './testing/fixture';
import {
  environmentConfig,
  environmentModel,
  generationOf,
} from './testing/rows';

jest.setTimeout(60_000);

const service = 'component:default/checkout';
const target = { service, environment: 'production' };
const r1 = generationOf('r1', 'production');

/** Nothing that must never happen has happened. */
async function endOf({ world, close }: Fixture) {
  expect(world.violations).toEqual([]);
  await close();
}

describe('giving an environment back', () => {
  let fixture: Fixture;
  let driver: Driver;
  let steps: Array<{ done: boolean; message: string } | Error>;
  let asked: Fence[];

  /** The world's own part of it is the test's. */
  function withGiveBack(connection: Connection): Connection {
    return {
      ...connection,
      giveBack: async (_target, fence) => {
        asked.push(fence);
        const [step, ...later] = steps;
        steps = later.length > 0 ? later : steps;
        if (step instanceof Error) {
          throw step;
        }
        if (step.done) {
          // Nothing in the world says any more that it was ours.
          const state = fixture.world.target(target);
          state.generations.clear();
          state.shares = [];
          state.workloadRevision = 0;
          state.trafficRevision = 0;
          state.epoch = 0;
        }
        return step;
      },
    };
  }

  async function begin(offered = true) {
    steps = [{ done: true, message: 'serves' }];
    asked = [];
    fixture = await createFixture({
      environments: [environmentConfig('production')],
    });
    await fixture.addService(
      service,
      ['r1', 'r2'],
      [environmentModel('production')],
    );
    const connection = fixture.world.connection();
    driver = fixture.driver({
      connections: new Map([
        ['production', offered ? withGiveBack(connection) : connection],
      ]),
    });
    const first = await driver.deploy({ ...target, releaseId: 'r1' });
    await driver.ended(first.id);
    fixture.world.effects.length = 0;
  }
  afterEach(async () => await endOf(fixture));

  const row = async () => {
    const found = await fixture.store.targets.get(target);
    if (!found) {
      throw new Error('There is no target');
    }
    return found;
  };
  const say = (verb: TargetVerb) =>
    driver.command({ target }, verb, 'the team moves');
  const eventTypes = async () =>
    (await fixture.store.deployments.events({ target, limit: 200 })).map(
      ({ type }) => type,
    );

  it('stops automation at once, asks until it is done, and then knows nothing of ours there', async () => {
    await begin();
    steps = [
      { done: false, message: '0 of 2 ready' },
      new Error('no route to the cluster'),
      { done: false, message: '2 of 2 ready' },
      { done: true, message: 'serves' },
    ];
    expect(await say('give-back')).toMatchObject({ accepted: true });
    expect((await row()).hold).toMatchObject({
      reason: 'Given back: the team moves',
    });
    await driver.pass(60_000);
    const { record, hold } = await row();
    expect(record.giveBack).toBeUndefined();
    expect(record.stable).toBeUndefined();
    expect(record.desired.generations).toEqual([]);
    expect(record.givenBack?.by.type).toBe('user');
    expect(record.promoted.map(({ releaseId }) => releaseId)).toEqual(['r1']);
    expect(hold).toBeDefined();
    // Nothing of the world was touched by the engine itself.
    expect(fixture.world.effects).toEqual([]);
    expect(asked).toHaveLength(4);
    expect(asked.every(({ takeOver }) => takeOver)).toBe(true);
    expect(await eventTypes()).toEqual(
      expect.arrayContaining(['give-back-begun', 'given-back']),
    );
    await driver.pass(60_000);
    expect(asked).toHaveLength(4);

    // It can be had again, as at first.
    const again = await driver.deploy({ ...target, releaseId: 'r2' });
    expect(await driver.ended(again.id)).toMatchObject({ status: 'succeeded' });
    expect((await row()).record.stable?.releaseId).toBe('r2');
  });

  it('says what it waits for, keeps deployments waiting, and is ended by taking over', async () => {
    await begin();
    steps = [{ done: false, message: '1 of 2 ready' }];
    await say('give-back');
    await driver.pass(5_000);
    expect((await row()).record.giveBack).toMatchObject({
      message: '1 of 2 ready',
      by: { type: 'user' },
    });
    const next = await driver.deploy({ ...target, releaseId: 'r2' });
    await driver.pass(5_000);
    expect(await fixture.store.deployments.get(next.id)).toMatchObject({
      status: 'queued',
    });
    expect(await say('give-back')).toMatchObject({
      accepted: false,
      message: 'It is being given back already',
    });
    expect(await say('take-over')).toMatchObject({ accepted: true });
    expect((await row()).record.giveBack).toBeUndefined();
    expect(await driver.ended(next.id)).toMatchObject({ status: 'succeeded' });
  });

  describe('that is not done in time', () => {
    const DAY_MS = 24 * 3_600_000;

    /** Looks come late, but not so late that nobody was there. */
    async function live(forMs: number) {
      for (const endMs = fixture.clock.nowMs + forMs; ; ) {
        await driver.work();
        if (fixture.clock.nowMs >= endMs) {
          return;
        }
        fixture.clock.nowMs += 1_900;
      }
    }

    async function runOutOfTime() {
      await begin();
      steps = [{ done: false, message: '1 of 2 ready' }];
      await say('give-back');
      await live(GIVE_BACK_DEADLINE_MS + 1_000);
      const { record } = await row();
      expect(record.giveBack?.overdue?.reason).toMatchObject({
        code: 'give-back-overdue',
        message: expect.stringMatching(/after 30 min: 1 of 2 ready/),
      });
    }

    it('stops, is told once, and keeps the hold that asks for somebody', async () => {
      await runOutOfTime();
      const before = asked.length;
      await live(3_600_000);
      expect(asked).toHaveLength(before);
      expect(
        (await eventTypes()).filter(type => type === 'give-back-overdue'),
      ).toHaveLength(1);
      const news = await fixture
        .knex('outbox')
        .select('key', 'payload')
        .where('key', 'like', '%:give-back-overdue:%');
      expect(news).toHaveLength(1);
      expect(JSON.parse(news[0].payload)).toEqual({
        title: 'checkout is not given back in production',
        description: expect.stringMatching(
          /after 30 min: 1 of 2 ready\. See to what it waits for/,
        ),
        severity: 'high',
        recipients: ['group:default/shop', expect.stringMatching(/^user:/)],
        link: expect.stringMatching(
          /^\/catalog\/default\/component\/checkout\/delivery\/deployments\//,
        ),
      });
      expect(await say('release-hold')).toMatchObject({
        accepted: false,
        message: expect.stringMatching(/take over first/),
      });
      const { items } = await fixture.store.targets.list({
        attention: true,
        limit: 10,
      });
      expect(items.map(item => item.target)).toEqual([target]);
    });

    it('is tried again by a person, and done', async () => {
      await runOutOfTime();
      steps = [{ done: true, message: 'serves' }];
      expect(await say('give-back')).toMatchObject({
        accepted: true,
        message: 'Giving it back is tried again',
      });
      await driver.pass(1_000);
      const { record } = await row();
      expect(record.giveBack).toBeUndefined();
      expect(record.givenBack?.by.type).toBe('user');
      expect(await eventTypes()).toEqual(
        expect.arrayContaining(['give-back-retried', 'given-back']),
      );
    });

    it('is ended by taking over', async () => {
      await runOutOfTime();
      expect(await say('take-over')).toMatchObject({ accepted: true });
      await driver.pass(5_000);
      const { record } = await row();
      expect(record.giveBack).toBeUndefined();
      expect(record.conflict).toBeUndefined();
      expect(record.stable?.generation).toBe(r1);
    });

    it('is ours again where nobody decides, with the hold, and what waited has ended by its own deadline', async () => {
      await begin();
      steps = [new Error('no route to the cluster')];
      await say('give-back');
      const waiting = await driver.deploy({ ...target, releaseId: 'r2' });
      await live(GIVE_BACK_DEADLINE_MS + 2_000);
      const { overdue } = (await row()).record.giveBack ?? {};
      expect(overdue?.reason.message).toMatch(/no route to the cluster/);
      fixture.clock.nowMs = waiting.deadlineMs;
      await driver.work();
      expect(await fixture.store.deployments.get(waiting.id)).toMatchObject({
        status: 'cancelled',
        reason: { code: 'start-deadline-exceeded' },
      });
      expect((await row()).record.giveBack).toBeDefined();
      fixture.clock.nowMs = overdue?.deadlineMs ?? 0;
      await driver.pass(5_000);
      const { record, hold } = await row();
      expect(record.giveBack).toBeUndefined();
      expect(record.stable?.generation).toBe(r1);
      expect(hold).toBeDefined();
      expect(await eventTypes()).toContain('give-back-ended');
    });

    it('does not count the time in which nobody was there', async () => {
      await begin();
      steps = [{ done: false, message: '1 of 2 ready' }];
      await say('give-back');
      fixture.clock.nowMs += 2 * DAY_MS;
      await driver.pass(60_000);
      expect((await row()).record.giveBack).not.toHaveProperty('overdue');
    });
  });

  it('is refused where nobody could take it, where nothing of ours runs, and while a deployment is under way', async () => {
    await begin(false);
    expect(await say('give-back')).toMatchObject({
      accepted: false,
      message: expect.stringMatching(/nobody to be given back to/),
    });
    await fixture.close();
    await begin();
    const second = await driver.deploy({ ...target, releaseId: 'r2' });
    await driver.pass(500);
    expect(await say('give-back')).toMatchObject({
      accepted: false,
      message: expect.stringMatching(/under way/),
    });
    await driver.ended(second.id);
    expect((await row()).record.stable?.releaseId).toBe('r2');
    expect(asked).toEqual([]);
  });

  it('stops when the world has a newer epoch, as everything does', async () => {
    await begin();
    steps = [new StaleEpochError(1, 99)];
    await say('give-back');
    await driver.pass(1_000);
    expect((await row()).foreignEpoch).toBe(99);
    expect((await row()).record.stable?.generation).toBe(r1);
  });
});
