import { LogLine } from '@slipway/backstage-plugin-delivery-common';
import { Driver } from './testing/driver';
import { createFixture, Fixture } from './testing/fixture';
import { generationOf } from './testing/rows';

jest.setTimeout(60_000);

const service = 'component:default/checkout';
const target = { service, environment: 'production' };
const r1 = generationOf('r1', 'production');
const r2 = generationOf('r2', 'production');

describe('beside a deployment', () => {
  let fixture: Fixture;
  let driver: Driver;
  beforeEach(async () => {
    fixture = await createFixture();
    await fixture.addService(service, ['r1', 'r2']);
    driver = fixture.driver();
    await driver.ended(
      (
        await driver.deploy({ ...target, releaseId: 'r1' })
      ).id,
    );
  });
  afterEach(async () => {
    await fixture.close();
  });

  function wrote(generation: string, text: string, atMs?: number): LogLine {
    return {
      atMs: atMs ?? fixture.clock.nowMs,
      text,
      stream: 'stdout',
      generation,
      instance: `${generation}-1`,
    };
  }

  async function rollBack() {
    fixture.world.behaviours.set('r2', { successRate: 0.8 });
    const { id } = await driver.deploy({ ...target, releaseId: 'r2' });
    const { status } = await driver.ended(id);
    expect(status).toBe('rolled-back');
    return await fixture.store.deployments.evidence(id);
  }

  it('stays what the canary complained of and stable did not, without its secrets', async () => {
    const laterMs = fixture.clock.nowMs + 100;
    fixture.world.lines = [
      wrote(r2, 'failed: from an earlier attempt', 1_000),
      wrote(r1, 'failed to reach the cache at 10.0.0.7', laterMs),
      wrote(r2, 'failed to reach the cache at 10.0.0.9', laterMs),
      wrote(r2, 'payment failed with password=hunter2hunter2', laterMs),
    ];
    const { logs } = await rollBack();
    expect(logs).toMatchObject({
      lines: [{ text: 'payment failed with password=***', count: 1 }],
      compared: { candidate: 2, stable: 1 },
    });
    expect(logs?.problem).toBeUndefined();
  });

  it('is said that logs could not be read, and nothing else is held up by it', async () => {
    fixture.world.logsFail = true;
    const { logs } = await rollBack();
    expect(logs).toMatchObject({ lines: [], problem: 'the logs are away' });
  });

  it('stay the asked and the measured shares as numbers, from its start to its end', async () => {
    fixture.world.measured = {
      shares: [{ generation: r1, percent: 100 }],
      requests: 30,
      windowMs: 10_000,
    };
    const { traffic } = await rollBack();
    expect(
      traffic?.map(({ asked }) =>
        Object.fromEntries(asked.map(it => [it.generation, it.percent])),
      ),
    ).toEqual([{ [r1]: 100 }, { [r1]: 90, [r2]: 10 }, { [r1]: 100 }]);
    expect(traffic?.[1].measured).toEqual(fixture.world.measured);
    // They go with the deployment.
    await fixture.store.cleanup({
      keepPerTarget: 0,
      keepDays: 0,
      nowMs: fixture.clock.nowMs + 1e9,
    });
    const left = await fixture.knex('deployment_evidence').select();
    const kept = await fixture.knex('deployments').pluck('id');
    expect(left.every(row => kept.includes(row.deployment_id))).toBe(true);
  });
});
