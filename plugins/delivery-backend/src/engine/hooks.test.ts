import { HookModel } from '@slipway/backstage-plugin-delivery-common';
import { Driver } from './testing/driver';
import { createFixture, Fixture } from './testing/fixture';
import { environmentModel, generationOf } from './testing/rows';

jest.setTimeout(120_000);

const service = 'component:default/checkout';
const target = { service, environment: 'production' };
const r2 = generationOf('r2', 'production');
const hooks: HookModel[] = [
  { job: 'migrate', at: 'before', deadlineMs: 30_000 },
  { job: 'smoke', at: 'after', deadlineMs: 30_000 },
];

describe('jobs of a deployment', () => {
  let fixture: Fixture;
  let driver: Driver;
  beforeEach(async () => {
    fixture = await createFixture();
    await fixture.addService(
      service,
      ['r1', 'r2', 'r3'],
      [environmentModel('production', { hooks })],
    );
    driver = fixture.driver();
    const { id } = await driver.deploy({ ...target, releaseId: 'r1' });
    const { status } = await driver.ended(id);
    if (status !== 'succeeded') {
      throw new Error(`The first deployment is ${status}`);
    }
    fixture.world.effects.length = 0;
  });
  afterEach(async () => {
    const { violations } = fixture.world;
    await fixture.close();
    if (violations.length > 0) {
      throw new Error(`Promises were broken: ${violations.join('; ')}`);
    }
  });

  const jobEffects = () =>
    fixture.world.effects.filter(effect => /^(job|stop) /.test(effect));

  it('run once each, before anything of it starts and when it carries everything', async () => {
    const { id } = await driver.deploy({ ...target, releaseId: 'r2' });
    expect((await driver.ended(id)).status).toBe('succeeded');
    expect(fixture.world.effects[0]).toBe(`job ${id}/1/before-migrate`);
    expect(fixture.world.effects[1]).toBe(`scale ${r2} 1`);
    expect(jobEffects()).toHaveLength(2);
    expect(fixture.world.effects.indexOf(`shares ${r2}=100`)).toBeLessThan(
      fixture.world.effects.indexOf(`job ${id}/1/after-smoke`),
    );
  });

  it('fail the release with what they said, and a retry runs them again under another key', async () => {
    fixture.world.jobBehaviours.set('migrate', { fails: true });
    const { id } = await driver.deploy({ ...target, releaseId: 'r2' });
    const failed = await driver.ended(id);
    expect(failed).toMatchObject({
      status: 'rolled-back',
      reason: {
        code: 'hook-failed',
        message: 'The job "migrate" failed: exit code 1',
        evidence: 'working\nno such column',
      },
    });
    expect(fixture.world.replicas(target)[r2]).toBeUndefined();
    fixture.world.jobBehaviours.clear();
    const again = await driver.deploy({ ...target, releaseId: 'r2' });
    expect((await driver.ended(again.id)).status).toBe('succeeded');
    expect(jobEffects()).toEqual([
      `job ${id}/1/before-migrate`,
      `job ${again.id}/1/before-migrate`,
      `job ${again.id}/1/after-smoke`,
    ]);
  });

  it('are stopped when a person aborts, and when a newer release supersedes', async () => {
    fixture.world.jobBehaviours.set('migrate', { takesMs: 600_000 });
    const { id } = await driver.deploy({ ...target, releaseId: 'r2' });
    await driver.until('the job runs', async () => jobEffects().length === 1);
    await driver.command({ deployment: id }, 'abort', 'wrong release');
    expect((await driver.ended(id)).status).toBe('aborted');
    await driver.pass(2_000);
    expect(jobEffects()).toEqual([
      `job ${id}/1/before-migrate`,
      `stop ${id}/1/before-migrate`,
    ]);

    fixture.world.effects.length = 0;
    const older = await driver.deploy({ ...target, releaseId: 'r2' });
    await driver.until('it runs again', async () => jobEffects().length === 1);
    fixture.world.jobBehaviours.clear();
    const newer = await driver.deploy({ ...target, releaseId: 'r3' });
    expect((await driver.ended(newer.id)).status).toBe('succeeded');
    expect(jobEffects()).toContain(`stop ${older.id}/1/before-migrate`);
  });
});
