import { HookModel, JobState } from '@slipway/backstage-plugin-delivery-common';
import { checkPromises, Simulation } from './testing';
import { blueGreen, canary, ROLLING } from './testing/strategies';

const BEFORE: HookModel = { job: 'migrate', at: 'before', deadlineMs: 60_000 };
const AFTER: HookModel = { job: 'smoke', at: 'after', deadlineMs: 60_000 };
const KEY = 'deployment-new/1/before-migrate';

/** A target on which "old" is stable, and jobs that behave as they are told. */
function onOld(options: { empty?: boolean } = {}): Simulation {
  const simulation = new Simulation();
  simulation.onDecision = checkPromises;
  if (!options.empty) {
    simulation.start('old', ROLLING);
    simulation.run(60_000, () => simulation.outcome === 'succeeded');
  }
  return simulation;
}

describe('hooks', () => {
  it.each([
    ['rolling', ROLLING],
    ['canary', canary()],
    ['blue-green', blueGreen({ autoPromoteAfterMs: 0 })],
  ])(
    'run before anything of the new release starts, and after it carries everything: %s',
    (_, strategy) => {
      const simulation = onOld();
      simulation.start('new', strategy, { hooks: [BEFORE, AFTER] });
      simulation.jobTakesMs = 5_000;
      simulation.run(3_000);
      expect(simulation.at).toBe('hook');
      expect(simulation.replicas('new')).toBeUndefined();
      expect(simulation.share('old')).toBe(100);
      simulation.run(
        300_000,
        () => simulation.at === 'hook' && simulation.rollout.stepIndex > 0,
      );
      expect(simulation.share('new')).toBe(100);
      expect(simulation.record.stable?.generation).toBe('old');
      simulation.run(300_000, () => simulation.outcome !== undefined);
      expect(simulation.outcome).toBe('succeeded');
      expect(simulation.jobStarts).toEqual([
        KEY,
        'deployment-new/1/after-smoke',
      ]);
    },
  );

  it('run for the first deployment too, which gets its traffic before the last one', () => {
    const simulation = onOld({ empty: true });
    simulation.start('new', canary(), { hooks: [BEFORE, AFTER] });
    simulation.run(
      300_000,
      () => simulation.at === 'hook' && simulation.rollout.stepIndex > 0,
    );
    expect(simulation.share('new')).toBe(100);
    simulation.run(300_000, () => simulation.outcome !== undefined);
    expect(simulation.outcome).toBe('succeeded');
    expect(simulation.jobStarts).toHaveLength(2);
  });

  it('fail the release with the last lines of the job, before or after', () => {
    for (const hook of [BEFORE, AFTER]) {
      const simulation = onOld();
      simulation.start('new', canary(), { hooks: [hook] });
      simulation.jobEnds = {
        phase: 'failed',
        message: 'exit code 1',
        lastLines: ['ALTER TABLE', 'no such column'],
      };
      simulation.run(300_000, () => simulation.outcome !== undefined);
      expect(simulation.outcome).toBe('rolled-back');
      expect(simulation.rollout.reason).toMatchObject({
        code: 'hook-failed',
        message: `The job "${hook.job}" failed: exit code 1`,
        evidence: 'ALTER TABLE\nno such column',
      });
      expect(simulation.share('old')).toBe(100);
      expect(simulation.jobStarts).toHaveLength(1);
    }
  });

  it('have an absolute deadline, which a backend that was away does not move', () => {
    const simulation = onOld();
    simulation.start('new', canary(), { hooks: [BEFORE] });
    simulation.jobTakesMs = Infinity;
    simulation.run(10_000);
    simulation.beAway(55_000);
    simulation.run(10_000, () => simulation.outcome !== undefined);
    expect(simulation.rollout.reason).toMatchObject({
      code: 'hook-deadline-exceeded',
      message: 'The job "migrate" has not ended within 1 min',
    });
    expect(simulation.outcome).toBe('rolled-back');
  });

  it('that nobody can see, or that nobody saw end, ask a person and fail nothing', () => {
    const unseen = onOld();
    unseen.start('new', canary(), { hooks: [BEFORE] });
    unseen.jobsUnknown = 'the cluster is away';
    unseen.run(61_500);
    expect(unseen.rollout.paused).toMatchObject({
      reason: 'errored',
      detail: { code: 'hook-not-started' },
    });
    expect(unseen.rollout.paused?.detail?.message).toContain(
      'the cluster is away',
    );
    unseen.jobsUnknown = undefined;
    unseen.command('retry');
    unseen.run(300_000, () => unseen.outcome !== undefined);
    expect(unseen.outcome).toBe('succeeded');
    expect(unseen.jobStarts).toEqual([KEY]);

    const lost = onOld();
    lost.start('new', canary(), { hooks: [BEFORE] });
    const ends: JobState = { phase: 'lost', message: 'the machine was away' };
    lost.jobEnds = ends;
    lost.run(10_000);
    expect(lost.rollout.paused?.detail?.code).toBe('hook-lost');
    // Running it again is a run of its own, and only a person asks for it.
    lost.command('retry');
    lost.tick();
    lost.jobEnds = { phase: 'succeeded' };
    lost.run(300_000, () => lost.outcome !== undefined);
    expect(lost.outcome).toBe('succeeded');
    expect(lost.jobStarts).toEqual([KEY, `${KEY}/2`]);
  });

  it('are skipped by a person alone, and never by promoting fully', () => {
    const skipped = onOld();
    skipped.start('new', canary(), { hooks: [BEFORE] });
    skipped.jobTakesMs = Infinity;
    skipped.run(2_000);
    const id = skipped.command('skip-step', 'it was done by hand');
    skipped.run(300_000, () => skipped.outcome !== undefined);
    expect(skipped.answer(id)).toMatchObject({ accepted: true });
    expect(skipped.rollout.steps[0]).toMatchObject({
      status: 'skipped',
      reason: { code: 'skipped-by-person' },
    });

    const full = onOld();
    full.start('new', canary(), { hooks: [BEFORE, AFTER] });
    full.run(200);
    full.command('promote-full');
    full.run(300_000, () => full.outcome !== undefined);
    expect(full.outcome).toBe('succeeded');
    expect(full.jobStarts).toHaveLength(2);
  });

  it('belong to the deployment of a release: a rollback leaves them out and says so', () => {
    const simulation = onOld();
    simulation.start('new', canary(), { kind: 'rollback', hooks: [BEFORE] });
    simulation.run(300_000, () => simulation.outcome !== undefined);
    expect(simulation.outcome).toBe('succeeded');
    expect(simulation.jobStarts).toEqual([]);
    expect(simulation.rollout.steps[0]).toMatchObject({
      step: { type: 'hook' },
      status: 'skipped',
      reason: { code: 'hook-left-out' },
    });
  });
});
