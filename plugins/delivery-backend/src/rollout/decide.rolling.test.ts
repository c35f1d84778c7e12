import fc from 'fast-check';
import {
  Amount,
  RollingModel,
} from '@slipway/backstage-plugin-delivery-common';
import { resolveAmount } from './amounts';
import { ROLLING, Simulation } from './testing';

function withStable(replicas: number): Simulation {
  const sim = new Simulation();
  sim.start('v1', ROLLING, { role: { replicas } });
  sim.run(60_000, () => sim.outcome !== undefined);
  expect(sim.outcome).toBe('succeeded');
  return sim;
}

const amount: fc.Arbitrary<Amount> = fc.oneof(
  fc.record({ count: fc.nat({ max: 4 }) }),
  fc.record({ percent: fc.nat({ max: 100 }) }),
);

describe('rolling', () => {
  it('replaces batch by batch within surge and unavailability, for any of both', () => {
    fc.assert(
      fc.property(
        amount,
        amount,
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 8 }),
        (maxSurge, maxUnavailable, before, after) => {
          const sim = withStable(before);
          const strategy: RollingModel = {
            type: 'rolling',
            maxSurge,
            maxUnavailable,
          };
          const surge = resolveAmount(maxSurge, after, 'up');
          const unavailable = resolveAmount(maxUnavailable, after, 'down');
          const most =
            Math.max(before, after) +
            (surge === 0 && unavailable === 0 ? 1 : surge);
          const least = Math.min(before, after) - unavailable;
          sim.start('v2', strategy, { role: { replicas: after } });
          sim.onDecision = ({ output, nowMs }) => {
            const { desired, rollout } = output.record;
            if (rollout?.phase !== 'stepping') {
              return;
            }
            const wanted = desired.generations.reduce(
              (sum, g) => sum + g.replicas,
              0,
            );
            expect(wanted).toBeLessThanOrEqual(most);
            const { ready } = sim.world.truth(nowMs);
            expect((ready.v1 ?? 0) + (ready.v2 ?? 0)).toBeGreaterThanOrEqual(
              least,
            );
          };
          sim.run(300_000, () => sim.outcome !== undefined);
          expect(sim.outcome).toBe('succeeded');
          sim.onDecision = undefined;
          sim.run(5_000);
          expect(sim.record.desired.generations).toEqual([
            expect.objectContaining({ generation: 'v2', replicas: after }),
          ]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('the last old instance goes only after the router gives it nothing', () => {
    const sim = withStable(1);
    sim.start('v2', ROLLING, { role: { replicas: 1 } });
    const before = sim.world.effects.length;
    sim.run(60_000, () => sim.outcome !== undefined);
    sim.run(5_000);
    expect(
      sim.world.effects
        .slice(before)
        .map(e => ('generation' in e ? `${e.kind} ${e.generation}` : e.kind)),
    ).toEqual(['scale v2', 'shares', 'shares', 'scale v1', 'remove v1']);
  });

  it('shares follow the ready instances', () => {
    const sim = withStable(4);
    sim.start('v2', ROLLING);
    sim.onDecision = ({ output }) => {
      for (const { generation, percent } of output.record.desired.shares) {
        expect(percent).toBeGreaterThan(0);
        expect(
          output.record.desired.generations.find(
            g => g.generation === generation,
          )?.replicas,
        ).toBeGreaterThan(0);
      }
    };
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it('C06 instances that never get ready: stable is whole all the time, and again alone', () => {
    const sim = withStable(4);
    sim.world.behave('v2', { neverReady: 'HTTP 503' });
    sim.start('v2', ROLLING);
    sim.onDecision = ({ output }) => {
      expect(
        output.record.desired.generations.find(g => g.generation === 'v1')
          ?.replicas,
      ).toBe(4);
    };
    sim.run(120_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('rolled-back');
  });

  it('half of it replaced, then bad: stable grows again before the traffic goes back', () => {
    const sim = withStable(4);
    sim.start('v2', ROLLING);
    sim.run(60_000, () => (sim.replicas('v1') ?? 4) <= 2);
    // Two of v1 are being taken away, and what is seen does not know it yet.
    sim.command('abort');
    sim.tick();
    expect(sim.replicas('v1')).toBe(4);
    // The new one keeps what stable cannot carry.
    expect(sim.share('v2')).toBe(25);
    sim.nowMs += 10;
    sim.tick();
    expect(sim.share('v2')).toBe(25);
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('aborted');
    expect(sim.share('v1')).toBe(100);
  });

  it('a broken stable does not block its own replacement', () => {
    const sim = withStable(4);
    sim.world.behave('v1', { neverReady: 'HTTP 500' });
    sim.start('v2', ROLLING);
    sim.run(120_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });
});
