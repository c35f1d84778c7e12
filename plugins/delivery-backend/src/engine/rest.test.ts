import { createFixture } from './testing/fixture';

jest.setTimeout(60_000);

it('a target at rest is left alone until something changes or its check is due', async () => {
  const fixture = await createFixture();
  const service = 'component:default/checkout';
  const target = { service, environment: 'production' };
  await fixture.addService(service, ['r1', 'r2']);
  const driver = fixture.driver({ tuning: { restCheckMs: 600_000 } });
  for (const releaseId of ['r1', 'r2']) {
    await driver.ended((await driver.deploy({ ...target, releaseId })).id);
  }
  await driver.pass(2_000);
  const calls = fixture.world.calls;
  await driver.pass(300_000);
  expect(fixture.world.calls).toBe(calls);
  const [{ due_at_ms: dueAtMs }] = await fixture
    .knex('work_items')
    .where({ kind: 'target' });
  expect(dueAtMs).toBeGreaterThan(fixture.clock.nowMs + 60_000);
  await fixture.close();
});
