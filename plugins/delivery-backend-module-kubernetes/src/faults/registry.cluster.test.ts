import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
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
} from './__testUtils__/canary';

jest.setTimeout(300_000);

describeWithControl('A registry that is away when pods pull', control => {
  let engine: EngineWorld;
  beforeAll(async () => {
    engine = await openEngineWorld({ progressDeadline: '3m' });
    await bringFirst(engine);
  });
  afterEach(() => control.restore());
  afterAll(() => engine?.close());

  /** What the page of the service says. */
  async function page(): Promise<string> {
    const path = engine.target.service.replace(':', '/');
    return JSON.stringify(await engine.api('GET', `services/${path}/overview`));
  }

  it('is named as the cause, and the canary goes on by itself when it is back', async () => {
    const release = await engine.release({ version: 'second' });
    const load = engine.load();
    await control.kill('registry');
    const id = await engine.deploy(release.id);
    await poll('the cause is shown', async () =>
      (await page()).includes('image-pull-unreachable'),
    );
    expect((await engine.detail(id)).deployment.outcome).toBeUndefined();
    await control.start('registry');
    await engine.until(
      id,
      'the canary waits',
      ({ status }) => status === 'paused',
    );
    expect(await engine.command(id, 'promote')).toMatchObject({
      accepted: true,
    });
    const end = await engine.ended(id);
    expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
    expectNothingTwice(end);
    await expectServed(load, 'second', end);
    await expectOneGeneration(engine);
  });

  it('ends the deployment at its deadline, with the cause, and a person starts it anew', async () => {
    const release = await engine.release(
      { version: 'third' },
      { progressDeadline: '15s' },
    );
    const load = engine.load();
    await control.kill('registry');
    const id = await engine.deploy(release.id);
    const end = await engine.ended(id);
    expect(end.deployment).toMatchObject({
      outcome: 'rolled-back',
      reason: {
        code: 'progress-deadline-exceeded',
        message: expect.stringContaining('cannot reach the registry'),
        evidence: expect.stringMatching(/refused|timeout/),
        action: expect.stringContaining('registry'),
      },
    });
    expectNothingTwice(end);
    await control.start('registry');
    const again = await engine.deploy(release.id);
    const { deployment } = await engine.until(
      again,
      'the canary waits',
      ({ status }) => status === 'paused',
    );
    expect(deployment).toMatchObject({ status: 'paused' });
    expect(await engine.command(again, 'promote')).toMatchObject({
      accepted: true,
    });
    await engine.ended(again);
    await expectServed(load, 'third', end);
    await expectOneGeneration(engine);
  });
});
