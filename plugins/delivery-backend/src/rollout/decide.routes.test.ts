import { TrafficRoute } from '@slipway/backstage-plugin-delivery-common';
import { ANALYSIS, canary, Simulation } from './testing';

const HEADERS = [{ name: 'x-canary', value: 'always' }];

const ROUTED = canary({
  steps: [
    { type: 'route', headers: HEADERS },
    { type: 'pause' },
    { type: 'weight', percent: 50 },
    { type: 'pause' },
  ],
});

const MIRRORED = canary({
  steps: [
    { type: 'mirror', percent: 30 },
    { type: 'pause' },
    { type: 'weight', percent: 25 },
    { type: 'pause' },
    { type: 'mirror', percent: 0 },
  ],
});

function withStable(): Simulation {
  const sim = new Simulation();
  sim.start('v1', canary());
  sim.run(120_000, () => sim.outcome !== undefined);
  expect(sim.outcome).toBe('succeeded');
  return sim;
}

/** The routes of each desired state, without repetitions. */
function routesOf(sim: Simulation): TrafficRoute[][] {
  const all = sim.history.map(({ desired }) => desired.routes ?? []);
  return all.filter(
    (routes, index) =>
      JSON.stringify(routes) !== JSON.stringify(all[index - 1] ?? []),
  );
}

const toV2 = { type: 'headers', generation: 'v2', headers: HEADERS };

describe('requests that the candidate gets beside its share (C25, C07, C19)', () => {
  it('by their headers: with one instance at weight 0, until the promotion', () => {
    const sim = withStable();
    sim.start('v2', ROUTED);
    sim.run(30_000, () => sim.at === 'pause');
    expect(sim.record.desired).toMatchObject({
      routes: [toV2],
      shares: [{ generation: 'v1', percent: 100 }],
    });
    expect(sim.replicas('v2')).toBe(1);
    sim.command('promote');
    sim.run(30_000, () => sim.share('v2') === 50);
    expect(sim.record.desired.routes).toEqual([toV2]);
    sim.command('resume');
    sim.run(1_000);
    sim.command('promote');
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(routesOf(sim)).toEqual([[toV2], []]);
    // They had ended, as the router told, before the roles changed.
    const ended = sim.world.effects.filter(({ kind }) => kind === 'routes')[1];
    expect(ended.atMs).toBeLessThanOrEqual(sim.rollout.finishedAtMs ?? 0);
  });

  it('copies: as many instances as they need beside the share, and none when they do not fit', () => {
    const sim = withStable();
    sim.start('v2', MIRRORED, { role: { replicas: 4 } });
    sim.run(30_000, () => sim.at === 'pause');
    expect(sim.replicas('v2')).toBe(2);
    expect(sim.record.desired.routes).toEqual([
      { type: 'mirror', generation: 'v2', percent: 30 },
    ]);
    sim.command('promote');
    sim.run(30_000, () => sim.share('v2') === 25);
    expect(sim.replicas('v2')).toBe(3);
    // One of three carries 25 %: the share, and nothing beside it.
    sim.world.crash('v2', 2, sim.nowMs);
    sim.tick();
    expect(sim.record.desired.routes).toBeUndefined();
    expect(sim.share('v2')).toBe(25);
    sim.run(10_000, () => sim.record.desired.routes !== undefined);
    expect(sim.record.desired.routes).toHaveLength(1);
    sim.command('promote');
    sim.run(120_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it.each([
    ['a person aborts', (sim: Simulation) => sim.command('abort')],
    [
      'the analysis fails',
      (sim: Simulation) => {
        sim.verdictOf = () => ({ verdict: 'fail' });
      },
    ],
    [
      'another release supersedes it',
      (sim: Simulation) => sim.start('v3', canary()),
    ],
  ])('end first when %s', (_, happen) => {
    const sim = withStable();
    sim.start(
      'v2',
      canary({
        steps: [
          { type: 'route', headers: HEADERS },
          { type: 'mirror', percent: 20 },
          { type: 'weight', percent: 50 },
          { type: 'analysis', analysis: { ...ANALYSIS, durationMs: 600_000 } },
        ],
      }),
    );
    sim.run(60_000, () => sim.at === 'analysis');
    expect(sim.record.desired.routes).toHaveLength(2);
    const { revision } = sim.record.desired;
    happen(sim);
    sim.run(5_000, () => sim.record.desired.revision > revision);
    const [first] = sim.history.filter(
      ({ desired }) => desired.revision > revision,
    );
    expect(first.desired.routes).toBeUndefined();
    sim.run(120_000, () => sim.replicas('v2') === undefined);
    const kinds = sim.world.effects
      .filter(({ atMs }) => atMs >= first.atMs)
      .map(effect => ('generation' in effect ? effect.generation : effect.kind))
      .filter(what => what === 'routes' || what === 'v2');
    expect(kinds[0]).toBe('routes');
    expect(sim.world.truth(sim.nowMs).routes).toEqual([]);
  });

  it('never go to a candidate with nothing ready, and come back with it', () => {
    const sim = withStable();
    sim.start('v2', ROUTED);
    sim.run(30_000, () => sim.at === 'pause');
    sim.world.crash('v2', 1, sim.nowMs);
    sim.tick();
    expect(sim.record.desired.routes).toBeUndefined();
    sim.run(10_000, () => sim.record.desired.routes !== undefined);
    expect(sim.record.desired.routes).toEqual([toV2]);
  });

  it('a router that does not take them is nobody’s bad release: a person is asked', () => {
    const sim = withStable();
    sim.start('v2', ROUTED, { progressDeadlineMs: 20_000 });
    sim.world.ignoreRoutes = true;
    sim.run(60_000, () => sim.rollout.paused !== undefined);
    expect(sim.rollout.paused?.detail?.code).toBe('traffic-not-verified');
    const id = sim.command('skip-step');
    sim.tick();
    expect(sim.answer(id)?.accepted).toBe(true);
    expect(sim.record.desired.routes).toBeUndefined();
  });

  it('the first deployment has nobody to be told apart from, and takes none', () => {
    const sim = new Simulation();
    sim.start('v1', ROUTED);
    sim.run(20_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(routesOf(sim)).toEqual([]);
  });
});
