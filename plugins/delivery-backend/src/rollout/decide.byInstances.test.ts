import fc from 'fast-check';
import { StrategyModel } from '@slipway/backstage-plugin-delivery-common';
import { canary, Simulation } from './testing';

/** A target without a router, on which v1 was promoted. */
function withStable(
  replicas: number,
  options: ConstructorParameters<typeof Simulation>[0] = {},
): Simulation {
  const sim = new Simulation({ byInstances: true, ...options });
  sim.start('v1', canary(), { role: { replicas } });
  sim.run(120_000, () => sim.outcome !== undefined);
  expect(sim.outcome).toBe('succeeded');
  return sim;
}

function weights(...percents: number[]): StrategyModel {
  return canary({
    steps: percents.map(percent => ({ type: 'weight', percent })),
  });
}

/** The candidate's share in each desired state, as it changed. */
function asked(sim: Simulation, generation: string): number[] {
  const all = sim.history.map(
    ({ desired }) =>
      desired.shares.find(s => s.generation === generation)?.percent ?? 0,
  );
  return all.filter((percent, index) => percent !== all[index - 1]);
}

describe('a canary where requests are divided by the number of instances', () => {
  it('goes through its steps: the instances follow the share, and it never falls', () => {
    const sim = withStable(4);
    sim.history.length = 0;
    sim.start('v2', weights(25, 50, 75, 100), { role: { replicas: 4 } });
    sim.run(120_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(asked(sim, 'v2')).toEqual([0, 25, 50, 75, 100]);
  });

  it('is not given everything before all of it is ready, however few it had', () => {
    const sim = withStable(4);
    sim.start('v2', weights(25, 100), { role: { replicas: 4 } });
    const seen: number[] = [];
    sim.onDecision = ({ nowMs }) => {
      const { ready, shares } = sim.world.truth(nowMs);
      if (shares.some(s => s.generation === 'v2' && s.percent >= 100)) {
        seen.push(ready.v2);
      }
    };
    sim.run(120_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(Math.min(...seen)).toBe(4);
  });

  it('waits for the instances of its share before it goes on, and not for ever', () => {
    const sim = withStable(4);
    sim.start('v2', weights(25, 50), { role: { replicas: 4 } });
    sim.run(60_000, () => asked(sim, 'v2').includes(50));
    // The next instance never gets ready.
    sim.world.behave('v2', { readyAfterMs: 1e9 });
    sim.run(120_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('rolled-back');
    expect(sim.rollout.reason?.code).toBe('progress-deadline-exceeded');
    expect(sim.record.stable?.generation).toBe('v1');
  });

  it('gives everything back to stable when it is aborted', () => {
    const sim = withStable(4);
    sim.start(
      'v2',
      canary({ steps: [{ type: 'weight', percent: 50 }, { type: 'pause' }] }),
      {
        role: { replicas: 4 },
      },
    );
    sim.run(60_000, () => sim.at === 'pause');
    sim.command('abort', 'enough');
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('aborted');
    expect(sim.world.truth(sim.nowMs).shares).toEqual([
      { generation: 'v1', percent: 100 },
    ]);
  });

  it('comes to its end whatever its steps, its size and the slowness of its instances', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 100 }), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 50, max: 5_000 }),
        (percents, before, after, readyAfterMs) => {
          const sim = withStable(before, { readyAfterMs });
          sim.history.length = 0;
          percents.sort((a, b) => a - b);
          sim.start('v2', weights(...percents), { role: { replicas: after } });
          sim.run(300_000, () => sim.outcome !== undefined);
          expect(sim.outcome).toBe('succeeded');
          const all = asked(sim, 'v2');
          expect(all).toEqual([...all].sort((a, b) => a - b));
          // Each share is asked for once.
          expect(new Set(all).size).toBe(all.length);
        },
      ),
      { numRuns: 200 },
    );
  });
});
