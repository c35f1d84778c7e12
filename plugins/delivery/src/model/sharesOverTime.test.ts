import { TrafficPoint } from '@slipway/backstage-plugin-delivery-common';
import { deployment, rollout } from '../testing';
import { sharesOverTime } from './sharesOverTime';

const shares = (percent: number) =>
  [
    { generation: 'g172', percent: 100 - percent },
    { generation: rollout(0).candidate.generation, percent },
  ].filter(share => share.percent > 0);

const point = (
  atMs: number,
  asked: number,
  measured?: number,
): TrafficPoint => ({
  atMs,
  asked: shares(asked),
  ...(measured === undefined
    ? {}
    : {
        measured: { shares: shares(measured), requests: 40, windowMs: 10_000 },
      }),
});

describe('sharesOverTime', () => {
  it('shows a rollback as it was: nothing, a tenth, nothing again, and what really flowed', () => {
    const ended = deployment({
      status: 'rolled-back',
      startedAtMs: 1_000,
      finishedAtMs: 9_000,
    });
    const points = [
      point(1_000, 0),
      point(2_000, 10),
      point(5_000, 10, 8.5),
      point(8_000, 0, 9.5),
    ];
    expect(sharesOverTime(ended, points, 99_000)).toEqual([
      { fromMs: 1_000, toMs: 2_000, newPercent: 0 },
      { fromMs: 2_000, toMs: 8_000, newPercent: 10, measuredPercent: 9.5 },
      { fromMs: 8_000, toMs: 9_000, newPercent: 0 },
    ]);
  });

  it('goes on until now while the deployment moves', () => {
    const active = deployment({ startedAtMs: 1_000 });
    expect(
      sharesOverTime(active, [point(1_000, 0), point(2_000, 100)], 5_000),
    ).toEqual([
      { fromMs: 1_000, toMs: 2_000, newPercent: 0 },
      { fromMs: 2_000, toMs: 5_000, newPercent: 100 },
    ]);
  });

  it('takes the weights of the steps of a deployment without points, and only of steps that were begun', () => {
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
    const first = deployment({ startedAtMs: 1_000, rollout: undefined });
    expect(sharesOverTime(first, undefined, 5_000)).toEqual([]);
    expect(
      sharesOverTime(
        deployment({ startedAtMs: undefined }),
        [point(1_000, 10)],
        5_000,
      ),
    ).toEqual([]);
  });
});
