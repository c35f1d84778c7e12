import { Deployment } from '@slipway/backstage-plugin-delivery-common';
import { planAutomaticDeployments } from './requests';
import { Driver } from './testing/driver';
import { createFixture, Fixture } from './testing/fixture';
import {
  environmentConfig,
  environmentModel,
  generationOf,
  ROLLING,
} from './testing/rows';

jest.setTimeout(60_000);

const service = 'component:default/checkout';
const target = { service, environment: 'production' };
const automation = { type: 'plugin' as const, ref: 'plugin:delivery' };
const r1 = generationOf('r1', 'production');
const r2 = generationOf('r2', 'production');
const r3 = generationOf('r3', 'production');

/** Nothing that must never happen has happened. */
async function endOf({ world, close }: Fixture) {
  expect(world.violations).toEqual([]);
  await close();
}

describe('a deployment', () => {
  let fixture: Fixture;
  let driver: Driver;

  async function begin(
    environment: Parameters<typeof environmentConfig>[1] = {},
    model: Parameters<typeof environmentModel>[1] = {},
  ) {
    fixture = await createFixture({
      environments: [environmentConfig('production', environment)],
    });
    await fixture.addService(
      service,
      ['r1', 'r2', 'r3'],
      [environmentModel('production', model)],
    );
    driver = fixture.driver();
  }
  afterEach(async () => await endOf(fixture));

  const deploy = async (
    releaseId: string,
    options: Partial<Parameters<Driver['deploy']>[0]> = {},
  ) => await driver.deploy({ ...target, releaseId, ...options });
  const hold = async () => (await fixture.store.targets.get(target))?.hold;
  const record = async () => {
    const row = await fixture.store.targets.get(target);
    if (!row) {
      throw new Error('There is no target');
    }
    return row.record;
  };
  const eventsOf = async (deployment: Deployment) =>
    (
      await fixture.store.deployments.events({
        deploymentId: deployment.id,
        limit: 200,
      })
    ).map(({ type }) => type);
  const newsKeys = async () =>
    (await fixture.knex('outbox').select('key').orderBy('key')).map(
      ({ key }) => key,
    );

  it('is the first: everything at once, then the next goes through the canary', async () => {
    await begin();
    const first = await driver.ended((await deploy('r1')).id);
    expect(first).toMatchObject({ status: 'succeeded', outcome: 'succeeded' });
    fixture.world.effects.length = 0;

    const second = await driver.ended((await deploy('r2')).id);
    expect(second).toMatchObject({
      status: 'succeeded',
      previousReleaseId: 'r1',
      rollout: { phase: 'finished' },
    });
    await driver.pass(2_000);
    expect(fixture.world.effects).toEqual([
      `scale ${r2} 1`,
      `shares ${r1}=90 ${r2}=10`,
      `shares ${r1}=50 ${r2}=50`,
      `scale ${r2} 2`,
      `shares ${r2}=100`,
      `remove ${r1}`,
    ]);
    expect((await record()).stable).toMatchObject({
      releaseId: 'r2',
      deploymentId: second.id,
    });
    expect((await record()).draining).toEqual([]);
    const measurements = await fixture.store.deployments.measurements(
      second.id,
    );
    expect(new Set(measurements.map(({ verdict }) => verdict))).toEqual(
      new Set(['pass']),
    );
    expect(await eventsOf(second)).toEqual(
      expect.arrayContaining([
        'deployment-started',
        'rollout-started',
        'rollout-finished',
      ]),
    );
    expect(await newsKeys()).toEqual(
      [`${first.id}:succeeded`, `${second.id}:succeeded`].sort(),
    );
    expect(await fixture.store.work.stats()).toMatchObject({ claimed: 0 });
  });

  it('that is bad returns its traffic first, is rolled back, says why and sets a hold', async () => {
    await begin();
    await driver.ended((await deploy('r1')).id);
    fixture.world.behaviours.set('r2', { successRate: 0.8 });
    fixture.world.effects.length = 0;

    const bad = await driver.ended((await deploy('r2')).id);
    expect(bad).toMatchObject({
      status: 'rolled-back',
      reason: { metric: 'success-rate', value: 0.8, threshold: { min: 0.99 } },
    });
    await driver.pass(2_000);
    expect(fixture.world.effects).toEqual([
      `scale ${r2} 1`,
      `shares ${r1}=90 ${r2}=10`,
      `shares ${r1}=100`,
      `remove ${r2}`,
    ]);
    expect(await hold()).toMatchObject({
      deploymentId: bad.id,
      by: automation,
      reason: expect.stringContaining('r2 was rolled back'),
    });
    expect((await record()).stable?.releaseId).toBe('r1');
    expect(await newsKeys()).toContain(`${bad.id}:rolled-back`);

    // Automation is held back, whatever it wants to bring.
    const automatic = await deploy('r3', { actor: automation });
    await driver.pass(2_000);
    expect(await driver.deployment(automatic.id)).toMatchObject({
      status: 'gated',
      waitingFor: [expect.objectContaining({ gate: 'hold', open: false })],
    });
    // A machine is no person.
    const machine = await deploy('r3', {
      actor: { type: 'machine', ref: 'machine:ci' },
    });
    await driver.pass(500);
    expect((await driver.deployment(machine.id)).status).toBe('gated');

    // A person goes on in spite of it, which is written down; the hold stays.
    const byHand = await driver.ended((await deploy('r3')).id);
    expect(byHand.status).toBe('succeeded');
    expect(await eventsOf(byHand)).toContain('gate-passed-over');
    expect(await hold()).toBeDefined();
    expect((await driver.deployment(automatic.id)).status).toBe('superseded');
  });

  it('that is held goes on when the hold is released', async () => {
    await begin();
    await driver.ended((await deploy('r1')).id);
    expect(
      await driver.command({ target }, 'hold', 'a sale is on'),
    ).toMatchObject({ accepted: true });
    expect(await hold()).toMatchObject({
      reason: 'a sale is on',
      by: { ref: 'user:default/ann' },
    });
    const automatic = await deploy('r2', { actor: automation });
    await driver.reached(automatic.id, 'gated');
    expect(await driver.command({ target }, 'release-hold')).toMatchObject({
      accepted: true,
    });
    expect((await driver.ended(automatic.id)).status).toBe('succeeded');
    expect(await driver.command({ target }, 'release-hold')).toMatchObject({
      accepted: false,
      message: 'There is no hold to release',
    });
  });

  it('never becomes ready: ends at its deadline with the last answer of the probe', async () => {
    await begin();
    await driver.ended((await deploy('r1')).id);
    fixture.world.behaviours.set('r2', { neverReady: true });
    const late = await driver.ended((await deploy('r2')).id);
    expect(late.status).toBe('rolled-back');
    expect(late.reason?.evidence).toContain('503 not yet');
    expect(fixture.world.shares(target)).toEqual({ [r1]: 100 });
  });

  it('that is newer supersedes: the older one loses its traffic first', async () => {
    await begin();
    await driver.ended((await deploy('r1')).id);
    const second = await deploy('r2');
    await driver.until(
      'r2 has traffic',
      async () => fixture.world.shares(target)[r2] > 0,
    );
    fixture.world.effects.length = 0;
    const third = await deploy('r3');
    expect((await driver.ended(third.id)).status).toBe('succeeded');
    expect(await driver.deployment(second.id)).toMatchObject({
      status: 'superseded',
      rollout: { outcome: 'superseded', candidate: { generation: r2 } },
    });
    await driver.pass(2_000);
    expect(fixture.world.effects.slice(0, 2)).toEqual([
      `shares ${r1}=100`,
      `remove ${r2}`,
    ]);
    expect(fixture.world.shares(target)).toEqual({ [r3]: 100 });
    expect(await hold()).toBeUndefined();
  });

  it('waits for its turn where the environment queues', async () => {
    await begin({ queue: 'queue' });
    await driver.ended((await deploy('r1')).id);
    const second = await deploy('r2');
    await driver.reached(second.id, 'progressing');
    const third = await deploy('r3');
    await driver.pass(100);
    expect((await driver.deployment(third.id)).status).toBe('queued');
    expect((await driver.ended(second.id)).status).toBe('succeeded');
    expect((await driver.ended(third.id)).status).toBe('succeeded');
    expect((await record()).promoted.map(({ releaseId }) => releaseId)).toEqual(
      ['r3', 'r2', 'r1'],
    );
  });

  it('is refused while another one is under way where the environment rejects', async () => {
    await begin({ queue: 'reject' });
    const first = await deploy('r1');
    await expect(deploy('r2')).rejects.toThrow(/one deployment at a time/);
    expect((await driver.ended(first.id)).status).toBe('succeeded');
    expect((await driver.ended((await deploy('r2')).id)).status).toBe(
      'succeeded',
    );
  });

  it.each([
    { queue: 'queue' as const, rows: [3], twins: 2 },
    { queue: 'supersede' as const, rows: [3], twins: 2 },
    // Whoever came first is alone.
    { queue: 'reject' as const, rows: [1], twins: 0 },
  ])(
    'asked for by two people at once runs once at a time, and once by its key: $queue',
    async ({ queue, rows, twins }) => {
      await begin({ queue });
      const asked = await Promise.allSettled([
        deploy('r1'),
        deploy('r2'),
        deploy('r2', { idempotencyKey: 'same' }),
        deploy('r2', { idempotencyKey: 'same' }),
      ]);
      const ids = asked.flatMap(result =>
        result.status === 'fulfilled' ? result.value.id : [],
      );
      let most = 0;
      await driver.until('all have ended', async () => {
        const open = await fixture.store.deployments.open(target);
        const running = open.filter(
          ({ status }) => status !== 'queued' && status !== 'gated',
        );
        most = Math.max(most, running.length);
        return open.length === 0;
      });
      const { items } = await fixture.store.deployments.list({ service });
      expect(most).toBe(1);
      expect(rows).toContain(items.length);
      expect(new Set(ids)).toEqual(new Set(items.map(({ id }) => id)));
      expect(
        ids.filter(id => ids.indexOf(id) !== ids.lastIndexOf(id)),
      ).toHaveLength(twins);
      expect(items.map(({ status }) => status)).toContain('succeeded');
    },
  );

  it('is aborted by a person, stays aborted, and is retried without a new commit', async () => {
    await begin();
    await driver.ended((await deploy('r1')).id);
    const second = await deploy('r2');
    await driver.until(
      'r2 has traffic',
      async () => fixture.world.shares(target)[r2] > 0,
    );
    expect(
      await driver.command({ deployment: second.id }, 'abort', 'looks odd'),
    ).toMatchObject({ accepted: true });
    const aborted = await driver.ended(second.id);
    expect(aborted).toMatchObject({ status: 'aborted' });
    await driver.pass(60_000);
    expect(await driver.deployment(second.id)).toEqual(aborted);
    expect(fixture.world.shares(target)).toEqual({ [r1]: 100 });
    expect(fixture.world.replicas(target)).toEqual({ [r1]: 2 });

    expect(
      await driver.command({ deployment: second.id }, 'resume'),
    ).toMatchObject({ accepted: false });
    expect(
      await driver.command({ deployment: second.id }, 'retry', 'it was DNS'),
    ).toMatchObject({ accepted: true });
    const open = await fixture.store.deployments.open(target);
    expect(open).toHaveLength(1);
    expect(open[0]).toMatchObject({
      releaseId: 'r2',
      kind: 'deploy',
      cause: `Retry of ${aborted.releaseVersion}, aborted before: it was DNS`,
    });
    expect((await driver.ended(open[0].id)).status).toBe('succeeded');
    expect(await driver.deployment(second.id)).toEqual(aborted);
  });

  it('gets requests by their headers and copies beside its share, and loses both first, in one write with its share', async () => {
    await begin(
      {},
      {
        strategy: {
          type: 'canary',
          scaleDownDelayMs: 300,
          rollbackWindow: 0,
          steps: [
            {
              type: 'route',
              headers: [{ name: 'x-canary', value: 'always' }],
            },
            { type: 'mirror', percent: 20 },
            { type: 'weight', percent: 30 },
            { type: 'pause' },
          ],
        },
      },
    );
    await driver.ended((await deploy('r1')).id);
    fixture.world.effects.length = 0;
    const second = await deploy('r2');
    await driver.until(
      'it waits for a person',
      async () => (await driver.deployment(second.id)).status === 'paused',
    );
    await driver.command({ deployment: second.id }, 'abort', 'looks odd');
    expect((await driver.ended(second.id)).status).toBe('aborted');
    await driver.pass(2_000);
    expect(fixture.world.effects).toEqual([
      `scale ${r2} 1`,
      `routes headers=${r2}`,
      `routes headers=${r2} mirror=${r2}`,
      `shares ${r1}=70 ${r2}=30`,
      `shares ${r1}=100`,
      'routes none',
      `remove ${r2}`,
    ]);

    fixture.world.effects.length = 0;
    const third = await deploy('r3');
    await driver.until(
      'it waits for a person',
      async () => (await driver.deployment(third.id)).status === 'paused',
    );
    await driver.command({ deployment: third.id }, 'promote', 'looks well');
    expect((await driver.ended(third.id)).status).toBe('succeeded');
    await driver.pass(2_000);
    const { effects } = fixture.world;
    expect(effects).toContain('routes none');
    // Its copies fit no more beside half of the traffic and are gone by then.
    expect(effects.indexOf('routes none')).toBeLessThan(
      effects.indexOf(`remove ${r1}`),
    );
    expect((await record()).desired.routes).toBeUndefined();
  });

  it('is cancelled while it waits, or at its start deadline, with the reason', async () => {
    await begin();
    await driver.ended((await deploy('r1')).id);
    await driver.command({ target }, 'hold', 'no changes today');
    const first = await deploy('r2', { actor: automation });
    await driver.reached(first.id, 'gated');
    expect(
      await driver.command({ deployment: first.id }, 'promote'),
    ).toMatchObject({ accepted: false });
    expect(
      await driver.command({ deployment: first.id }, 'cancel'),
    ).toMatchObject({ accepted: true });
    expect((await driver.deployment(first.id)).status).toBe('cancelled');

    const second = await deploy('r3', { actor: automation });
    await driver.reached(second.id, 'gated');
    fixture.clock.nowMs += 24 * 3_600_000;
    expect(await driver.ended(second.id)).toMatchObject({
      status: 'cancelled',
      reason: {
        code: 'start-deadline-exceeded',
        message: expect.stringContaining('no changes today'),
      },
    });
  });

  it('restarts what runs: the same plan in new instances, never with fewer that serve', async () => {
    await begin();
    await driver.ended((await deploy('r1')).id);
    const before = (await record()).stable;
    fixture.world.effects.length = 0;
    expect(
      await driver.command({ target }, 'restart', 'it leaks'),
    ).toMatchObject({ accepted: true });
    const [restart] = await fixture.store.deployments.open(target);
    expect(restart).toMatchObject({ kind: 'restart', cause: 'it leaks' });
    expect((await driver.ended(restart.id)).status).toBe('succeeded');
    await driver.pass(2_000);
    const after = (await record()).stable;
    expect(after?.planId).toBe(before?.planId);
    expect(after?.generation).not.toBe(before?.generation);
    expect(fixture.world.replicas(target)).toEqual({
      [after?.generation ?? '']: 2,
    });
  });

  it('back to an earlier release applies that plan whole and holds automation', async () => {
    await begin();
    await driver.ended((await deploy('r1')).id);
    await driver.ended((await deploy('r2')).id);
    await driver.pass(2_000);
    const planOfFirst = (await record()).promoted.find(
      ({ releaseId }) => releaseId === 'r1',
    )?.planId;
    await expect(deploy('r3', { kind: 'rollback' })).rejects.toThrow(
      /never succeeded in production/,
    );
    const back = await deploy('r1', {
      kind: 'rollback',
      cause: 'orders are lost',
    });
    expect(await hold()).toMatchObject({
      reason: 'Rollback to r1: orders are lost',
      deploymentId: back.id,
    });
    expect(back.planId).toBe(planOfFirst);
    fixture.clock.nowMs += 1;
    const automatic = await deploy('r3', { actor: automation });
    expect(await driver.ended(back.id)).toMatchObject({
      status: 'succeeded',
      planId: planOfFirst,
    });
    await driver.pass(60_000);
    expect((await driver.deployment(automatic.id)).status).toBe('gated');
    expect(fixture.world.shares(target)).toEqual({ [r1]: 100 });
    expect((await hold())?.by.ref).toBe('user:default/ann');
  });

  it('whose manifests are wrong fails with the message and applies nothing', async () => {
    await begin();
    const wrong = fixture.driver({
      rooms: {
        renderPlan: async () => {
          const error = new Error('deploy/app.yaml line 3: no Deployment');
          error.name = 'InputError';
          throw error;
        },
      },
    });
    const first = await deploy('r1');
    expect(await wrong.ended(first.id)).toMatchObject({
      status: 'failed',
      reason: {
        code: 'plan-invalid',
        message: 'deploy/app.yaml line 3: no Deployment',
      },
    });
    expect(fixture.world.effects).toEqual([]);
  });

  it('whose strategy the environment cannot follow fails and applies nothing; the way back is not barred by it', async () => {
    await begin({}, { strategy: ROLLING });
    await driver.ended((await deploy('r1')).id);
    await driver.ended((await deploy('r2')).id);
    await driver.pass(2_000);
    fixture.world.effects.length = 0;
    const connection = fixture.world.connection();
    const strict = fixture.driver({
      connections: new Map([
        [
          'production',
          {
            ...connection,
            delegated: {
              leader: 'Strict',
              lower: () => ({ cannot: ['nothing of it'] }),
              start: async () => {
                throw new Error('Not asked for');
              },
              observe: async () => ({ unknown: 'not asked', sinceMs: 0 }),
            },
          },
        ],
      ]),
    });
    const third = await deploy('r3');
    expect(await strict.ended(third.id)).toMatchObject({
      status: 'failed',
      reason: {
        code: 'plan-invalid',
        message: expect.stringMatching(
          /cannot be followed in production: at rolling expected what Strict can lead, found nothing of it/,
        ),
      },
    });
    expect(fixture.world.effects).toEqual([]);
    const back = await deploy('r1', { kind: 'rollback' });
    expect(await strict.ended(back.id)).toMatchObject({ status: 'succeeded' });
  });

  it('that cannot be rendered or applied for a technical cause is errored, retried and succeeds', async () => {
    await begin({}, { strategy: ROLLING });
    const connection = fixture.world.connection();
    let rendering = 3;
    let writes = 3;
    const { renderPlan } = driver.context.rooms;
    const flaky = fixture.driver({
      connections: new Map([
        [
          'production',
          {
            ...connection,
            workloads: {
              ...connection.workloads,
              ensure: async (...args) => {
                writes -= 1;
                if (writes >= 0) {
                  throw new Error('429 too many requests');
                }
                await connection.workloads.ensure(...args);
              },
            },
          },
        ],
      ]),
      rooms: {
        renderPlan: async input => {
          rendering -= 1;
          if (rendering >= 0) {
            throw new Error('the registry is away');
          }
          return await renderPlan(input);
        },
      },
    });
    const first = await deploy('r1');
    expect(await flaky.reached(first.id, 'errored')).toMatchObject({
      reason: { message: expect.stringContaining('the registry is away') },
    });
    await flaky.until('the world is asked', async () => writes < 3);
    expect(await flaky.reached(first.id, 'errored')).toMatchObject({
      reason: { message: expect.stringContaining('429 too many requests') },
    });
    expect((await flaky.ended(first.id)).status).toBe('succeeded');
  });
});

describe('automatic deployments', () => {
  const staging = { service, environment: 'staging' };
  let fixture: Fixture;
  let driver: Driver;

  beforeEach(async () => {
    fixture = await createFixture({
      environments: [
        environmentConfig('staging'),
        environmentConfig('production'),
        environmentConfig('island', { automation: false }),
      ],
    });
    await fixture.addService(
      service,
      ['r1', 'r2'],
      [
        environmentModel('staging', { deploy: 'automatic', strategy: ROLLING }),
        environmentModel('production', {
          deploy: 'automatic',
          strategy: ROLLING,
          after: [{ ref: 'staging', healthyForMs: 10_000 }],
        }),
        environmentModel('island', { deploy: 'automatic' }),
      ],
    );
    driver = fixture.driver();
  });
  afterEach(async () => await endOf(fixture));

  async function plan(id: string) {
    const release = await fixture.store.releases.get(id);
    if (!release) {
      throw new Error(`There is no release ${id}`);
    }
    return await fixture.store.transaction(
      async tx => await planAutomaticDeployments(driver.context, release, tx),
    );
  }

  it('go to staging at once and to production when staging was healthy for long enough', async () => {
    const made = await plan('r1');
    expect(made.map(({ environment }) => environment)).toEqual([
      'staging',
      'production',
    ]);
    // The same release plans the same deployments.
    expect((await plan('r1')).map(({ id }) => id)).toEqual(
      made.map(({ id }) => id),
    );
    const [first, second] = made;
    await driver.ended(first.id);
    const healthyAtMs = fixture.clock.nowMs;
    await driver.pass(4_500);
    expect((await driver.deployment(second.id)).waitingFor).toEqual([
      expect.objectContaining({
        gate: 'after',
        open: false,
        message: expect.stringMatching(
          /^staging is healthy for [34] s of 10 s$/,
        ),
      }),
    ]);

    // An instance that dies begins the time anew.
    fixture.world.crash(staging, generationOf('r1', 'staging'));
    await fixture.store.work.poke('target', `${service}@staging`);
    await driver.pass(6_500);
    expect(fixture.clock.nowMs).toBeGreaterThan(healthyAtMs + 10_000);
    expect((await driver.deployment(second.id)).status).toBe('gated');
    expect((await driver.ended(second.id)).status).toBe('succeeded');
    expect(fixture.clock.nowMs).toBeGreaterThan(healthyAtMs + 14_500);
  });

  it('do not open a gate on what is not known', async () => {
    const [first, second] = await plan('r1');
    await driver.ended(first.id);
    const connection = fixture.world.connection();
    const blind = fixture.driver({
      connections: new Map([
        ...driver.context.connections,
        [
          'staging',
          {
            ...connection,
            workloads: {
              ...connection.workloads,
              observe: async () => {
                throw new Error('the cluster does not answer');
              },
            },
          },
        ],
      ]),
    });
    await blind.pass(30_000);
    expect(await driver.deployment(second.id)).toMatchObject({
      status: 'gated',
      waitingFor: [
        {
          message: expect.stringContaining('the cluster does not answer'),
        },
      ],
    });
    expect((await driver.ended(second.id)).status).toBe('succeeded');
  });

  it('never bring an older release over a newer one', async () => {
    const newer = await plan('r2');
    expect(newer).toHaveLength(2);
    expect(await plan('r1')).toEqual([]);
  });

  it('of a newer release overtake the one that waits for its gate', async () => {
    const [firstStaging, firstProduction] = await plan('r1');
    await driver.ended(firstStaging.id);
    const [, secondProduction] = await plan('r2');
    expect((await driver.ended(secondProduction.id)).status).toBe('succeeded');
    expect(await driver.deployment(firstProduction.id)).toMatchObject({
      status: 'superseded',
    });
  });
});
