import {
  AnalysisRun,
  Reason,
  VerdictKind,
} from '@slipway/backstage-plugin-delivery-common';
import { ANALYSIS, canary, Simulation } from './testing';

const INLINE = canary({
  steps: [
    { type: 'weight', percent: 25 },
    { type: 'analysis', analysis: ANALYSIS },
    { type: 'weight', percent: 50 },
  ],
});
const BACKGROUND = canary({
  steps: [
    { type: 'weight', percent: 25 },
    { type: 'pause', durationMs: 30_000 },
    { type: 'weight', percent: 50 },
    { type: 'pause', durationMs: 30_000 },
  ],
  background: { ...ANALYSIS, startingStep: 2 },
});

function begin(strategy = INLINE): Simulation {
  const sim = new Simulation();
  sim.start('v1', canary());
  sim.run(60_000, () => sim.outcome !== undefined);
  sim.start('v2', strategy);
  return sim;
}

function background(sim: Simulation): AnalysisRun | undefined {
  return sim.rollout.analyses.find(run => run.placement === 'background');
}

const REASON: Reason = {
  code: 'metric-failed',
  message: '6.1 % of canary requests failed (limit 1 %, 412 samples)',
  metric: 'success-rate',
  value: 0.939,
  samples: 412,
};

describe('analysis (field notes 5.6)', () => {
  it('A01 pass goes on', () => {
    const sim = begin();
    sim.verdictOf = () => ({ verdict: 'pass' });
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(
      sim.rollout.steps.find(s => s.step.type === 'analysis'),
    ).toMatchObject({ status: 'done', verdict: 'pass' });
  });

  it('A01 A10 fail goes back, and the reason is the metric with value, threshold and samples', () => {
    const sim = begin();
    sim.verdictOf = () => ({ verdict: 'fail', reason: REASON });
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('rolled-back');
    expect(sim.finished.at(-1)).toMatchObject({ hold: true, reason: REASON });
    expect(
      sim.rollout.steps.find(s => s.step.type === 'analysis'),
    ).toMatchObject({ status: 'failed', verdict: 'fail', reason: REASON });
  });

  it.each<[VerdictKind, string]>([
    ['inconclusive', 'inconclusive'],
    ['error', 'errored'],
  ])('A01 A04 %s asks a person and rolls nothing back', (verdict, reason) => {
    const sim = begin();
    sim.verdictOf = () => ({ verdict });
    sim.run(120_000);
    expect(sim.rollout.paused?.reason).toBe(reason);
    expect(sim.share('v2')).toBe(25);
    const promoted = sim.command('promote', 'looked at the dashboards');
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.answer(promoted)?.accepted).toBe(true);
    expect(sim.outcome).toBe('succeeded');
    expect(
      sim.rollout.steps.find(s => s.step.type === 'analysis'),
    ).toMatchObject({
      status: 'skipped',
      reason: {
        message: expect.stringContaining('looked at the dashboards'),
      },
    });
  });

  it('A01 a retry of an undecided analysis measures again, under another id', () => {
    const sim = begin();
    sim.verdictOf = () => ({ verdict: 'inconclusive' });
    sim.run(60_000, () => sim.rollout.paused !== undefined);
    sim.command('retry');
    sim.verdictOf = () => ({});
    sim.tick();
    const [first, second] = sim.rollout.analyses;
    expect(first.status).toBe('inconclusive');
    expect(second).toMatchObject({ status: 'running', stepIndex: 2 });
    expect(second.id).not.toBe(first.id);
    sim.verdictOf = () => ({ verdict: 'pass' });
    sim.run(60_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it('a judge that never speaks is a technical problem, not a failure', () => {
    const sim = begin();
    sim.run(300_000, () => sim.rollout.paused !== undefined);
    expect(sim.rollout.paused).toMatchObject({
      reason: 'errored',
      detail: { code: 'analysis-overdue' },
    });
  });

  it('A08 the background analysis starts at its step and stops at the end', () => {
    const sim = begin(BACKGROUND);
    sim.verdictOf = () => ({ verdict: 'pass' });
    sim.run(20_000);
    expect(sim.at).toBe('pause');
    expect(background(sim)).toBeUndefined();
    sim.run(30_000, () => background(sim) !== undefined);
    expect(sim.rollout.steps[3].status).toBe('active');
    sim.run(120_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
    expect(background(sim)?.status).toBe('pass');
  });

  it('A08 it is not left behind by an abort', () => {
    const sim = begin(BACKGROUND);
    sim.run(60_000, () => background(sim) !== undefined);
    sim.command('abort');
    sim.tick();
    expect(background(sim)?.status).toBe('stopped');
  });

  it('A08 it goes back at once, also during a pause', () => {
    const sim = begin(BACKGROUND);
    sim.run(120_000, () => sim.at === 'pause' && background(sim) !== undefined);
    sim.verdictOf = () => ({ verdict: 'fail', reason: REASON });
    sim.tick();
    expect(sim.rollout.phase).toBe('aborting');
    expect(sim.share('v2')).toBe(0);
  });

  it('A08 the promotion waits for its last word, and does not skip it silently', () => {
    const sim = begin(BACKGROUND);
    sim.run(150_000);
    expect(sim.at).toBe('promote');
    expect(sim.record.stable?.generation).toBe('v1');
    sim.verdictOf = () => ({ verdict: 'inconclusive' });
    sim.run(5_000);
    expect(sim.rollout.paused?.reason).toBe('inconclusive');
    sim.command('promote');
    sim.run(30_000, () => sim.outcome !== undefined);
    expect(sim.outcome).toBe('succeeded');
  });

  it('a person who pauses is not overruled by a pass, but is by a fail', () => {
    const sim = begin();
    sim.run(30_000, () => sim.at === 'analysis');
    sim.command('pause');
    sim.verdictOf = () => ({ verdict: 'pass' });
    sim.run(60_000);
    expect(sim.rollout.paused?.reason).toBe('manual');
    expect(sim.at).toBe('analysis');
    sim.verdictOf = () => ({ verdict: 'fail' });
    sim.tick();
    expect(sim.rollout.phase).toBe('aborting');
  });
});
