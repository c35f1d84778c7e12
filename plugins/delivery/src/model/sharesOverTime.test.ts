import { deployment, event, rollout } from '../testing';
import { sharesOverTime } from './sharesOverTime';

const asked = (atMs: number, message: string) =>
  event({ id: `${atMs}`, atMs, type: 'traffic-asked', message });

describe('sharesOverTime', () => {
  it('shows a rollback as it was: nothing, a tenth, nothing again', () => {
    const ended = deployment({
      status: 'rolled-back',
      startedAtMs: 1_000,
      finishedAtMs: 9_000,
    });
    // In no order, with events of other kinds between.
    const events = [
      asked(8_000, 'Traffic: 100 % stable'),
      event({ atMs: 3_000, type: 'verdict', message: 'Verdict fail: 10 %' }),
      asked(2_000, 'Traffic: 90 % stable, 10 % canary'),
    ];
    expect(sharesOverTime(ended, events, 99_000)).toEqual([
      { fromMs: 1_000, toMs: 2_000, newPercent: 0 },
      { fromMs: 2_000, toMs: 8_000, newPercent: 10 },
      { fromMs: 8_000, toMs: 9_000, newPercent: 0 },
    ]);
  });

  it('goes on until now while the deployment moves, and knows the new version after its promotion', () => {
    const active = deployment({ startedAtMs: 1_000 });
    const events = [
      asked(2_000, 'Traffic: 100 % canary'),
      event({ atMs: 3_000, type: 'promoted', message: 'g180 is stable now' }),
      asked(4_000, 'Traffic: 100 % stable'),
    ];
    expect(sharesOverTime(active, events, 5_000)).toEqual([
      { fromMs: 1_000, toMs: 2_000, newPercent: 0 },
      { fromMs: 2_000, toMs: 5_000, newPercent: 100 },
    ]);
  });

  it('reads the weights of the steps when the events are gone, and only of steps that were begun', () => {
    const state = rollout(1, {
      abort: {
        outcome: 'rolled-back',
        reason: { code: 'metric-failed', message: 'bad' },
        sinceMs: 7_000,
        deadlineMs: 8_000,
      },
    });
    const ended = deployment({
      status: 'rolled-back',
      startedAtMs: 1_000,
      finishedAtMs: 9_000,
      rollout: {
        ...state,
        steps: state.steps.map(step => ({
          ...step,
          startedAtMs: step.index === 0 ? 2_000 : undefined,
        })),
      },
    });
    expect(sharesOverTime(ended, [], 99_000)).toEqual([
      { fromMs: 1_000, toMs: 2_000, newPercent: 0 },
      { fromMs: 2_000, toMs: 7_000, newPercent: 10 },
      { fromMs: 7_000, toMs: 9_000, newPercent: 0 },
    ]);
  });

  it('says nothing of what it does not know', () => {
    const first = deployment({
      startedAtMs: 1_000,
      previousReleaseId: undefined,
      rollout: undefined,
    });
    expect(sharesOverTime(first, [], 5_000)).toEqual([]);
    expect(
      sharesOverTime(first, [asked(2_000, 'Traffic: none')], 5_000),
    ).toEqual([]);
    expect(
      sharesOverTime(deployment({ startedAtMs: undefined }), [], 5_000),
    ).toEqual([]);
  });
});
