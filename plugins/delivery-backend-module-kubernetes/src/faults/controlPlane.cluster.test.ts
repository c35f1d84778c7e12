import { describeWithControl } from '../testing';
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

describeWithControl('A canary while the control plane dies', control => {
  let engine: EngineWorld;
  beforeAll(async () => {
    engine = await openEngineWorld();
    await bringFirst(engine);
  });
  afterEach(() => control.restore());
  afterAll(() => engine?.close());

  it.each(['apiserver', 'etcd'] as const)(
    'goes on where it was when the %s, killed right before the weight is written, is back',
    async part => {
      const id = await pausedCanary(engine, `after-${part}`);
      const before = await uidsOf(engine);
      const load = engine.load();
      let isDead = false;
      engine.proxy().setRule(async ({ isWrite, path }) => {
        if (!isDead && isWrite && /httproutes/.test(path)) {
          isDead = true;
          await control.kill(part);
        }
        return undefined;
      });
      await engine.command(id, 'promote');
      const blind = await engine.told(id, 'world-unknown');
      expect(blind).toMatchObject({
        level: 'warning',
        reason: {
          code: 'world-unknown',
          message: expect.stringMatching(
            /^Cannot see the (instances|traffic): .*(did not answer|refused|ECONN)/,
          ),
          action: expect.stringContaining('check the connection'),
        },
      });
      // Whoever looks on can stop it where it is, also now.
      expect(await engine.command(id, 'pause')).toMatchObject({
        accepted: true,
      });
      const { deployment } = await engine.detail(id);
      expect(deployment.outcome).toBeUndefined();

      await control.start(part);
      await engine.told(id, 'world-known');
      // What was there was neither lost nor made again.
      expect(await uidsOf(engine)).toEqual(before);
      expect(await engine.command(id, 'resume')).toMatchObject({
        accepted: true,
      });
      const end = await engine.ended(id);
      expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
      expectNothingTwice(end);
      await expectServed(load, `after-${part}`, end);
      await expectOneGeneration(engine);
    },
  );
});
