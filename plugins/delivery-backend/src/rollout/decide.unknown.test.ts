import { ANALYSIS, canary, Simulation } from './testing';

function stepping(): Simulation {
  const sim = new Simulation();
  sim.start('v1', canary());
  sim.run(20_000, () => sim.outcome !== undefined);
  sim.start(
    'v2',
    canary({
      steps: [
        { type: 'weight', percent: 25 },
        { type: 'analysis', analysis: ANALYSIS },
      ],
    }),
  );
  sim.run(30_000, () => sim.at === 'analysis');
  return sim;
}

describe('what is not known decides nothing', () => {
  it.each(['workloads', 'traffic', 'both'] as const)(
    'without sight of %s nothing changes, and it is tried again',
    what => {
      const sim = stepping();
      const { desired } = sim.record;
      sim.world.hide(what, 'connection refused', sim.nowMs);
      sim.verdictOf = () => ({ verdict: 'pass' });
      sim.run(60_000);
      expect(sim.record.desired).toEqual(desired);
      expect(sim.at).toBe('analysis');
      expect(sim.rollout.error).toMatchObject({
        reason: { code: 'world-unknown' },
      });
      sim.world.see();
      sim.run(60_000, () => sim.outcome !== undefined);
      expect(sim.rollout.error).toBeUndefined();
      expect(sim.outcome).toBe('succeeded');
    },
  );

  it('after many attempts a person is asked, and nothing is rolled back', () => {
    const sim = stepping();
    sim.world.hide('both', 'connection refused', sim.nowMs);
    sim.run(900_000);
    expect(sim.rollout.paused).toMatchObject({
      reason: 'errored',
      detail: { code: 'world-unknown' },
    });
    expect(sim.share('v2')).toBe(25);
    sim.world.see();
    sim.verdictOf = () => ({ verdict: 'pass' });
    const id = sim.command('retry');
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.answer(id)?.accepted).toBe(true);
    expect(sim.outcome).toBe('succeeded');
  });

  it('the time without sight does not count against the release', () => {
    const sim = new Simulation();
    sim.start('v1', canary());
    sim.run(20_000, () => sim.outcome !== undefined);
    sim.world.behave('v2', { readyAfterMs: 40_000 });
    sim.start('v2', canary());
    sim.run(10_000);
    sim.world.hide('workloads', 'timeout', sim.nowMs);
    sim.run(100_000);
    sim.world.behave('v2', { neverReady: 'still starting' });
    sim.world.see();
    sim.run(30_000);
    expect(sim.rollout.abort).toBeUndefined();
  });

  it('an observation from before our last write proves nothing', () => {
    const sim = stepping();
    sim.verdictOf = () => ({ verdict: 'pass' });
    sim.tick();
    // The next step has asked for more instances; the cache stays as it is.
    sim.world.freeze(sim.nowMs);
    const { stepIndex } = sim.rollout;
    sim.run(30_000);
    expect(sim.rollout.stepIndex).toBe(stepIndex);
    sim.world.see();
    sim.run(30_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it('an abort in a world that is not seen is kept, and done when it is', () => {
    const sim = stepping();
    const { desired } = sim.record;
    sim.world.hide('both', 'connection refused', sim.nowMs);
    sim.command('abort');
    sim.run(300_000);
    expect(sim.rollout.phase).toBe('aborting');
    expect(sim.record.desired).toEqual(desired);
    sim.world.see();
    sim.run(10_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('aborted');
  });

  it('what is scaled away already is not named again when a person ends a way back that is not seen', () => {
    const sim = stepping();
    sim.command('abort');
    sim.run(60_000, () => sim.rollout.goal?.replicas === 0);
    expect(sim.replicas('v2')).toBeUndefined();
    sim.world.freeze(sim.nowMs);
    sim.run(130_000);
    expect(sim.rollout.paused?.detail?.code).toBe('abort-not-verified');
    sim.command('abort');
    sim.tick();
    expect(sim.outcome).toBe('aborted');
    expect(sim.replicas('v2')).toBeUndefined();
    expect(sim.record.draining).toEqual([]);
  });

  it('the world may be ahead of a record that was restored', () => {
    const sim = stepping();
    sim.verdictOf = () => ({ verdict: 'pass' });
    sim.record.desired.revision = 1;
    const seen = sim.record.desired.revision;
    sim.run(1_000);
    expect(sim.record.desired.revision).toBeGreaterThan(seen + 1);
  });
});
