import { setTimeout as delay } from 'node:timers/promises';
import {
  Drift,
  isKnown,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Driver } from './testing/driver';
import { createFixture, Fixture } from './testing/fixture';
import { environmentConfig, environmentModel, ROLLING } from './testing/rows';

jest.setTimeout(60_000);

const CALL_LIMIT_MS = 400;
const service = 'component:default/checkout';
const target = { service, environment: 'production' };
const EDIT: Drift = {
  kind: 'edited',
  about: 'Deployment/checkout',
  message: 'its image was changed',
  by: 'kubectl-set',
  atMs: 5,
};

describe('what others change at rest', () => {
  let fixture: Fixture;
  let driver: Driver;
  let drift: Drift[];
  let takeOvers: number;
  /** In real time: how long each write takes. */
  let slowMs: number;
  let brought: string;
  afterEach(async () => {
    const { violations } = fixture.world;
    await fixture.close();
    if (violations.length > 0) {
      throw new Error(violations.join('\n'));
    }
  });

  /** A world that shows drift until it is written with the right to take over. */
  async function begin(mode: 'tell' | 'repair') {
    drift = [];
    takeOvers = 0;
    slowMs = 0;
    fixture = await createFixture({
      environments: [environmentConfig('production', { drift: mode })],
    });
    await fixture.addService(
      service,
      ['r1', 'r2'],
      [environmentModel('production', { strategy: ROLLING })],
    );
    const actual = fixture.world.connection();
    driver = fixture.driver({
      tuning: { callLimitMs: CALL_LIMIT_MS },
      connections: new Map([
        [
          'production',
          {
            ...actual,
            workloads: {
              ...actual.workloads,
              ensure: async (of, fence, generation, signal) => {
                if (slowMs > 0) {
                  await delay(slowMs, undefined, { signal });
                }
                if (fence.takeOver) {
                  takeOvers += 1;
                  drift = [];
                }
                await actual.workloads.ensure(of, fence, generation, signal);
              },
              observe: async (of, signal) => {
                const seen = await actual.workloads.observe(of, signal);
                return isKnown(seen)
                  ? { ...seen, known: { ...seen.known, drift } }
                  : seen;
              },
            },
          },
        ],
      ]),
    });
    const first = await driver.deploy({ ...target, releaseId: 'r1' });
    brought = first.id;
    await driver.ended(brought);
    await driver.pass(2_000);
    fixture.world.effects.length = 0;
  }

  const poke = () => fixture.store.work.poke('target', stringifyTarget(target));
  const record = async () => {
    const row = await fixture.store.targets.get(target);
    if (!row) {
      throw new Error('There is no target');
    }
    return row.record;
  };
  /** As they stand on the timeline of the deployment that brought what runs. */
  const driftEvents = async () => {
    const events = await fixture.store.deployments.events({
      deploymentId: brought,
      limit: 200,
    });
    return events.flatMap(({ type, message }) =>
      type.startsWith('drift') || type === 'taken-over'
        ? [`${type}: ${message}`]
        : [],
    );
  };
  const news = async () => {
    const rows = await fixture.knex('outbox').select('key', 'payload');
    return rows
      .filter(({ key }) => key.includes(':drift:'))
      .map(({ key, payload }) => ({ key, ...JSON.parse(payload) }));
  };
  const audits = () =>
    fixture
      .knex('audit_log')
      .select('actor_ref', 'verb', 'subject', 'reason', 'outcome')
      .where({ verb: 'repair-drift' });

  it('is written again where the environment says repair: once, as the plugin, audited with its cause', async () => {
    await begin('repair');
    const { revision } = (await record()).desired;
    drift = [EDIT];
    await poke();
    await driver.pass(10_000);
    expect(takeOvers).toBe(1);
    expect(await news()).toEqual([]);
    expect(fixture.world.effects).toEqual([]);
    expect((await record()).desired.revision).toBe(revision + 1);
    expect(await driftEvents()).toEqual([
      'drift-found: Not as it was deployed: its image was changed by "kubectl-set"',
      'drift-repaired: Repaired: its image was changed by "kubectl-set"',
    ]);
    expect(await audits()).toEqual([
      expect.objectContaining({
        actor_ref: 'plugin:delivery',
        subject: stringifyTarget(target),
        reason: 'its image was changed by "kubectl-set"',
      }),
    ]);
  });

  it('is told and left alone where it says tell; a person may take it over', async () => {
    await begin('tell');
    drift = [EDIT];
    await poke();
    await driver.pass(50_000);
    expect(takeOvers).toBe(0);
    expect(await audits()).toEqual([]);
    expect((await record()).drift?.found).toEqual([EDIT]);
    // It may be a mistake that somebody takes back at once.
    expect(await news()).toEqual([]);
    await driver.pass(60_000);
    const told = await news();
    expect(told).toEqual([
      {
        key: expect.stringContaining(`${stringifyTarget(target)}:drift:`),
        title: 'checkout is not as it was deployed in production',
        description:
          'its image was changed by "kubectl-set". Nothing is done about it by itself',
        severity: 'normal',
        recipients: ['group:default/shop'],
        link: `/catalog/default/component/checkout/delivery/deployments/${brought}`,
      },
    ]);
    await driver.pass(600_000);
    await poke();
    await driver.pass(60_000);
    expect(await news()).toEqual(told);
    await fixture.store.commands.add({
      id: 'take-over',
      verb: 'take-over',
      subjectKind: 'target',
      subjectId: stringifyTarget(target),
      actor: { type: 'user', ref: 'user:default/ann' },
      reason: 'it was a mistake',
      createdAtMs: fixture.clock.nowMs,
    });
    await driver.pass(10_000);
    expect(takeOvers).toBe(1);
    expect((await record()).drift?.found ?? []).toEqual([]);
    expect(await news()).toEqual(told);
    expect(await driftEvents()).toEqual([
      expect.stringMatching(/^drift-found/),
      expect.stringMatching(/^taken-over: .*kubectl-set.*it was a mistake/),
      expect.stringMatching(/^drift-repaired/),
    ]);
  });

  it('is told once with why it is not put right by itself', async () => {
    await begin('repair');
    drift = [{ ...EDIT, kind: 'admission', by: 'webhook "sidecars"' }];
    await poke();
    await driver.pass(1_000);
    expect(await news()).toMatchObject([
      {
        description:
          'its image was changed (webhook "sidecars"). Not put right by itself: It is changed whenever it is written',
        severity: 'high',
      },
    ]);
    await driver.pass(600_000);
    expect(await news()).toHaveLength(1);
  });

  it('is written by an environment that answers each request late, as each attempt has more time', async () => {
    await begin('repair');
    slowMs = 2.5 * CALL_LIMIT_MS;
    drift = [EDIT];
    await poke();
    await driver.pass(120_000);
    expect(takeOvers).toBe(1);
    expect((await driftEvents()).slice(-1)).toEqual([
      expect.stringMatching(/^drift-repaired/),
    ]);
  });

  it('is not repaired under a hold', async () => {
    await begin('repair');
    await fixture.store.targets.setHold(target, {
      by: { type: 'user', ref: 'user:default/ann' },
      sinceMs: fixture.clock.nowMs,
      reason: 'looking into it',
    });
    drift = [EDIT];
    await poke();
    await driver.pass(60_000);
    expect(takeOvers).toBe(0);
    expect(await driftEvents()).toHaveLength(1);
    await fixture.store.targets.setHold(target, undefined);
    await poke();
    await driver.pass(10_000);
    expect(takeOvers).toBe(1);
  });

  it('does not outlive the next deployment, which writes all of it anyway', async () => {
    await begin('repair');
    await fixture.store.targets.setHold(target, {
      by: { type: 'user', ref: 'user:default/ann' },
      sinceMs: fixture.clock.nowMs,
      reason: 'looking into it',
    });
    drift = [EDIT];
    await poke();
    await driver.pass(1_000);
    expect((await record()).drift?.found).toHaveLength(1);
    const next = await driver.deploy({ ...target, releaseId: 'r2' });
    await driver.reached(next.id, 'progressing');
    expect((await record()).drift).toBeUndefined();
    drift = [];
    expect((await driver.ended(next.id)).status).toBe('succeeded');
    expect(takeOvers).toBe(0);
  });
});
