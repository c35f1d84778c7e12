import { Amount } from '@slipway/backstage-plugin-delivery-common';
import { lowerStrategy } from './lowerStrategy';

const rolling = (maxSurge: Amount, maxUnavailable: Amount) =>
  lowerStrategy({ type: 'rolling', maxSurge, maxUnavailable });

describe('A rolling strategy as a Deployment', () => {
  it('is what the Deployment can say', () => {
    expect(rolling({ percent: 25 }, { count: 0 })).toEqual({
      program: { rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
    });
    expect(rolling({ percent: 150 }, { percent: 100 })).toEqual({
      program: { rollingUpdate: { maxSurge: '150%', maxUnavailable: '100%' } },
    });
  });

  it.each<[string, Amount, Amount, string[], RegExp]>([
    [
      'parts of a percent, which it would round to nothing',
      { percent: 0.4 },
      { count: 0 },
      ['rolling', 'maxSurge'],
      /whole number of percents/,
    ],
    [
      'more than all that may be missing',
      { count: 1 },
      { percent: 101 },
      ['rolling', 'maxUnavailable'],
      /at most 100%/,
    ],
    [
      'more instances than it counts',
      { count: 2 ** 31 },
      { count: 0 },
      ['rolling', 'maxSurge'],
      /at most 2147483647/,
    ],
    [
      'nothing that may move',
      { percent: 0 },
      { count: 0 },
      ['rolling'],
      /above 0/,
    ],
  ])('refuses %s', (_what, surge, unavailable, path, expected) => {
    expect(rolling(surge, unavailable)).toEqual({
      cannot: [expect.stringMatching(expected)],
      parts: [
        expect.objectContaining({
          path,
          expected: expect.stringMatching(expected),
        }),
      ],
    });
  });

  it('is no way to divide traffic', () => {
    expect(
      lowerStrategy({
        type: 'blueGreen',
        scaleDownDelayMs: 0,
        rollbackWindow: 0,
      }),
    ).toMatchObject({ parts: [{ path: ['blueGreen'] }] });
  });
});
