import { ANALYSIS, blueGreen, Simulation } from './testing';

function withStable(
  options: ConstructorParameters<typeof Simulation>[0] = {},
): Simulation {
  const sim = new Simulation(options);
  sim.start('v1', blueGreen());
  sim.run(60_000, () => sim.outcome !== undefined);
  expect(sim.outcome).toBe('succeeded');
  return sim;
}

describe('blue-green (field notes 5.6)', () => {
  it('B01 a preview of one instance is brought to its full size before the switch', () => {
    const sim = withStable();
    sim.start('v2', blueGreen({ previewReplicas: 1 }));
    sim.run(30_000);
    expect(sim.at).toBe('pause');
    expect(sim.replicas('v2')).toBe(1);
    expect(sim.share('v2')).toBe(0);
    expect(
      sim.record.desired.generations.find(g => g.generation === 'v2')?.track,
    ).toBe('preview');
    sim.command('promote');
    sim.run(30_000, () => sim.share('v2') > 0);
    expect(sim.share('v2')).toBe(100);
    expect(sim.world.truth(sim.nowMs).ready.v2).toBe(4);
    sim.run(30_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it('B02 a preview whose analysis fails is never switched to', () => {
    const sim = withStable();
    sim.start(
      'v2',
      blueGreen({ preAnalysis: ANALYSIS, autoPromoteAfterMs: 0 }),
    );
    sim.verdictOf = () => ({ verdict: 'fail' });
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('rolled-back');
    expect(
      sim.world.effects.some(
        e => e.kind === 'shares' && e.shares.some(s => s.generation === 'v2'),
      ),
    ).toBe(false);
  });

  it('B04 the old one is kept for its delay, and no more than two of them', () => {
    const sim = withStable();
    const strategy = blueGreen({
      autoPromoteAfterMs: 0,
      scaleDownDelayMs: 3_600_000,
    });
    for (const name of ['v2', 'v3', 'v4']) {
      sim.start(name, strategy);
      sim.run(60_000, () => sim.outcome !== undefined);
    }
    sim.run(10_000);
    expect(sim.record.draining.map(d => d.generation)).toEqual(['v2', 'v3']);
    expect(sim.replicas('v3')).toBe(4);
    sim.run(3_700_000);
    expect(sim.record.draining).toEqual([]);
    expect(sim.record.desired.generations.map(g => g.generation)).toEqual([
      'v4',
    ]);
  });

  it('B05 the time until the automatic promotion starts when the preview is ready', () => {
    const sim = withStable({ readyAfterMs: 15_000 });
    sim.start('v2', blueGreen({ autoPromoteAfterMs: 20_000 }));
    sim.run(60_000, () => sim.at === 'pause');
    const { paused } = sim.rollout;
    expect(sim.world.truth(sim.nowMs).ready.v2).toBe(4);
    expect(paused?.untilMs).toBe(sim.nowMs + 20_000);
    sim.run(19_000);
    expect(sim.share('v2')).toBe(0);
    sim.run(20_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it('B06 a switch that is judged bad afterwards goes back at once: stable was never scaled down', () => {
    const sim = withStable();
    sim.start(
      'v2',
      blueGreen({ postAnalysis: ANALYSIS, autoPromoteAfterMs: 0 }),
    );
    sim.run(60_000, () => sim.at === 'analysis');
    expect(sim.share('v2')).toBe(100);
    sim.verdictOf = () => ({ verdict: 'fail' });
    sim.tick();
    expect(sim.record.desired.shares).toEqual([
      { generation: 'v1', percent: 100 },
    ]);
    sim.run(30_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('rolled-back');
    expect(sim.record.desired.sharedPlanId).toBe('plan-v1');
  });

  it('B06 an abort during the bake switches back at once as well', () => {
    const sim = withStable();
    sim.start(
      'v2',
      blueGreen({ postAnalysis: ANALYSIS, autoPromoteAfterMs: 0 }),
    );
    sim.run(60_000, () => sim.at === 'analysis');
    sim.command('abort');
    sim.tick();
    expect(sim.share('v1')).toBe(100);
  });

  it('B08 it switches only with both sides ready and our last write seen', () => {
    const sim = withStable();
    sim.start('v2', blueGreen({ autoPromoteAfterMs: 0 }));
    const switches: unknown[] = [];
    sim.onDecision = ({ before, world, output }) => {
      const had = before.desired.shares.some(s => s.generation === 'v2');
      const has = output.record.desired.shares.some(s => s.generation === 'v2');
      if (!had && has && 'known' in world.workloads) {
        switches.push({
          seen: world.workloads.reflects >= before.desired.revision,
          ready: world.workloads.known.generations.map(g => g.ready),
        });
      }
    };
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(switches).toEqual([{ seen: true, ready: [4, 4] }]);
  });
});
