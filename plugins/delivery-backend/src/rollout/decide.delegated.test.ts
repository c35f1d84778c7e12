import { ROLLING, Simulation, canary } from './testing';

const LED = {
  delegated: { leader: 'Kubernetes', program: { maxSurge: 1 } },
};

function inPlace(): Simulation {
  const sim = new Simulation();
  sim.start('v1', ROLLING, LED);
  sim.run(60_000, () => sim.outcome !== undefined);
  expect(sim.outcome).toBe('succeeded');
  expect(sim.record.stable).toMatchObject({ generation: 'v1', inPlace: true });
  return sim;
}

const ended = (sim: Simulation) => () => sim.outcome !== undefined;

describe('rolling that another controller leads', () => {
  it('asks once, waits for its word and for the instances, and moves the roles', () => {
    const sim = inPlace();
    const before = sim.history.length;
    sim.start('v2', ROLLING, LED);
    sim.run(60_000, ended(sim));
    expect(sim.outcome).toBe('succeeded');
    const keys = sim.history
      .slice(before)
      .flatMap(({ desired }) => desired.delegated?.key ?? []);
    expect(new Set(keys)).toEqual(new Set(['deployment-v2.1']));
    sim.run(5_000);
    expect(sim.record).toMatchObject({
      stable: { generation: 'v2', inPlace: true },
      draining: [],
      desired: {
        generations: [{ generation: 'v2', inPlace: true, replicas: 4 }],
        shares: [{ generation: 'v2', percent: 100 }],
      },
    });
    expect(sim.record.desired.delegated).toBeUndefined();
    expect(sim.world.truth(sim.nowMs).ready).toEqual({ v2: 4 });
  });

  it('what the controller has put in place becomes stable by one write, shared objects with it', () => {
    const sim = inPlace();
    const before = sim.history.length;
    sim.start('v2', ROLLING, LED);
    sim.run(60_000, ended(sim));
    const after = sim.history
      .slice(before)
      .map(({ desired }) => desired)
      .filter(({ delegated }) => !delegated);
    const own = after.filter(({ generations }) =>
      generations.some(
        ({ generation, track }) => generation === 'v2' && track === 'canary',
      ),
    );
    expect(own.length).toBeGreaterThan(0);
    expect(new Set(own.map(({ revision }) => revision)).size).toBe(1);
    expect(own[0].sharedPlanId).toBe('plan-v2');
  });

  it('the controller gives up: the Plan before comes in place again, and the reason is the instances’', () => {
    const sim = inPlace();
    sim.world.behave('v2', { neverReady: 'HTTP 503' });
    sim.start('v2', ROLLING, LED);
    sim.run(300_000, ended(sim));
    expect(sim.outcome).toBe('rolled-back');
    expect(sim.finished.at(-1)).toMatchObject({
      hold: true,
      reason: { code: 'controller-gave-up', evidence: 'HTTP 503' },
    });
    expect(sim.world.truth(sim.nowMs).ready).toEqual({ v1: 4 });
    sim.run(5_000);
    expect(sim.record.desired.generations).toEqual([
      expect.objectContaining({ generation: 'v1', inPlace: true }),
    ]);
  });

  it('somebody else takes it over: a person is asked, and a retry asks again', () => {
    const sim = inPlace();
    sim.world.behave('v2', { readyAfterMs: 20_000 });
    sim.start('v2', ROLLING, LED);
    sim.run(5_000);
    sim.world.rollByHand('v1', sim.nowMs);
    sim.run(5_000);
    expect(sim.record.rollout?.paused).toMatchObject({
      reason: 'errored',
      detail: { code: 'foreign-rollout' },
    });
    sim.world.behave('v2', {});
    sim.command('retry');
    sim.run(60_000, ended(sim));
    expect(sim.outcome).toBe('succeeded');
    expect(sim.world.truth(sim.nowMs).ready).toEqual({ v2: 4 });
  });

  it('a person pauses it where it is, and aborts it', () => {
    const sim = inPlace();
    sim.world.behave('v2', { readyAfterMs: 20_000 });
    sim.start('v2', ROLLING, LED);
    sim.run(5_000);
    sim.command('pause');
    sim.run(5_000);
    expect(sim.record.desired.delegated).toMatchObject({ paused: true });
    sim.command('abort', 'not today');
    sim.run(60_000, ended(sim));
    expect(sim.outcome).toBe('aborted');
    expect(sim.world.truth(sim.nowMs).ready).toEqual({ v1: 4 });
  });

  it('a newer release takes over in place, without a detour', () => {
    const sim = inPlace();
    sim.world.behave('v2', { readyAfterMs: 20_000 });
    sim.start('v2', ROLLING, LED);
    sim.run(5_000);
    sim.start('v3', ROLLING, LED);
    sim.tick();
    expect(sim.record.desired.delegated).toMatchObject({ generation: 'v3' });
    sim.run(60_000, ended(sim));
    expect(sim.outcome).toBe('succeeded');
    expect(sim.world.truth(sim.nowMs).ready).toEqual({ v3: 4 });
  });

  it('changes to canary and back, each time beside what serves', () => {
    const sim = inPlace();
    sim.start('v2', canary());
    sim.verdictOf = () => ({ verdict: 'pass' });
    sim.run(3_600_000, ended(sim));
    expect(sim.outcome).toBe('succeeded');
    expect(sim.record.stable?.inPlace).toBeUndefined();
    sim.run(3_600_000, () => sim.record.draining.length === 0);
    sim.run(5_000);
    expect(sim.world.truth(sim.nowMs).ready).toEqual({ v2: 4 });

    sim.start('v3', ROLLING, LED);
    sim.run(60_000, ended(sim));
    expect(sim.outcome).toBe('succeeded');
    expect(sim.record.stable).toMatchObject({
      generation: 'v3',
      inPlace: true,
    });
    sim.run(60_000, () => sim.record.draining.length === 0);
    sim.run(5_000);
    expect(sim.world.truth(sim.nowMs).ready).toEqual({ v3: 4 });
  });
});
