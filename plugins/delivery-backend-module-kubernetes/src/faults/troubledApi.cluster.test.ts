import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';
import {
  bringFirst,
  expectNothingTwice,
  expectOneGeneration,
  expectServed,
  pausedCanary,
  uidsOf,
} from './__testUtils__/canary';

jest.setTimeout(300_000);

const SLOW_MS = 30_000;

describeOnCluster('A canary while the API server answers badly', () => {
  let engine: EngineWorld;
  beforeAll(async () => {
    engine = await openEngineWorld();
    await bringFirst(engine);
  });
  afterEach(() => engine?.proxy().setRule(undefined));
  afterAll(() => engine?.close());

  it.each([
    {
      name: '429 that asks to wait',
      fault: { status: 429, headers: { 'retry-after': '2' } },
      says: /with 429/,
    },
    { name: '503', fault: { status: 503 }, says: /with 503/ },
  ])(
    'says so when all it gets is $name, and ends well when only some of it is',
    async ({ fault, says }) => {
      const { status } = fault;
      const id = await pausedCanary(engine, `after-${status}`);
      const before = await uidsOf(engine);
      const load = engine.load();
      engine.proxy().setRule(() => fault);
      await engine.command(id, 'promote');
      const blind = await engine.told(id, 'world-unknown');
      expect(blind.reason?.message).toMatch(says);
      expect(await uidsOf(engine)).toEqual(before);

      // One in seventeen requests of any kind, to the end: a look has about ten.
      let asked = 0;
      engine.proxy().setRule(() => {
        asked += 1;
        return asked % 17 === 0
          ? { ...fault, headers: { 'retry-after': '1' } }
          : undefined;
      });
      const end = await engine.ended(id);
      expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
      expect(end.events.map(({ type }) => type)).toContain('world-known');
      expectNothingTwice(end);
      engine.proxy().setRule(undefined);
      await expectServed(load, `after-${status}`, end);
      await expectOneGeneration(engine);
    },
  );

  it('is not harmed by writes that come 30 s late, after it has given up on them', async () => {
    const id = await pausedCanary(engine, 'after-slowness');
    const load = engine.load();
    const late: string[] = [];
    engine.proxy().setRule(({ isWrite, method, path }) => {
      if (!isWrite) {
        return undefined;
      }
      late.push(`${method} ${path}`);
      return { delayMs: SLOW_MS };
    });
    await engine.command(id, 'promote');
    const troubled = await engine.until(
      id,
      'it is said that nothing is taken',
      ({ reason }) => reason?.code === 'environment-unwritable',
    );
    expect(troubled.deployment).toMatchObject({
      reason: { message: expect.stringContaining('did not answer in') },
    });
    const sinceMs = Date.now();
    expect(late.length).toBeGreaterThan(0);

    engine.proxy().setRule(undefined);
    const end = await engine.ended(id);
    expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
    expectNothingTwice(end);
    await expectOneGeneration(engine);
    const settled = await uidsOf(engine);
    // Until everything that was under way has arrived, and then some.
    await poll(
      'what was late has come',
      async () => Date.now() > sinceMs + SLOW_MS + 2_000,
    );
    expect(await uidsOf(engine)).toEqual(settled);
    await expectServed(load, 'after-slowness', end);
    await expectOneGeneration(engine);
  });

  it('does not judge by answers that take 30 s', async () => {
    const id = await pausedCanary(engine, 'after-blindness');
    const load = engine.load();
    engine.proxy().setRule(() => ({ delayMs: SLOW_MS }));
    await engine.command(id, 'promote');
    const blind = await engine.told(id, 'world-unknown');
    expect(blind.reason?.message).toContain('did not answer in');
    // A person can end it: it goes back as soon as it is seen.
    expect(await engine.command(id, 'abort')).toMatchObject({ accepted: true });
    engine.proxy().setRule(undefined);
    const end = await engine.ended(id);
    expect(end.deployment).toMatchObject({ outcome: 'aborted' });
    expectNothingTwice(end);
    await expectServed(load, 'after-slowness', end);
    await expectOneGeneration(engine);
  });
});
