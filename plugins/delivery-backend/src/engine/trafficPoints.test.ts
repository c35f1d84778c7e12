import fc from 'fast-check';
import { TrafficPoint, World } from '@slipway/backstage-plugin-delivery-common';
import { thinned, withTrafficPoint } from './trafficPoints';

const shares = (canary: number) =>
  [
    { generation: 'old', percent: 100 - canary },
    { generation: 'new', percent: canary },
  ].filter(({ percent }) => percent > 0);

const seen = (canary?: number): World['traffic'] => ({
  known: {
    accepted: [],
    ...(canary === undefined
      ? {}
      : {
          measured: { shares: shares(canary), requests: 40, windowMs: 10_000 },
        }),
  },
  observedAtMs: 0,
  reflects: 0,
});

describe('shares over time', () => {
  it('notes each change of what is asked at once, and what flows now and then', () => {
    let points: TrafficPoint[] = [];
    const look = (nowMs: number, asked: number, measured?: number) => {
      points =
        withTrafficPoint({
          points,
          asked: shares(asked),
          traffic: seen(measured),
          nowMs,
        }) ?? points;
    };
    look(0, 0);
    look(1_000, 10, 0);
    look(2_000, 10, 4);
    look(11_000, 10, 9.5);
    look(12_000, 10, 9.9);
    look(13_000, 0, 9.9);
    expect(
      points.map(({ atMs, asked, measured }) => [
        atMs,
        asked.find(it => it.generation === 'new')?.percent ?? 0,
        measured?.shares.find(it => it.generation === 'new')?.percent,
      ]),
    ).toEqual([
      [0, 0, undefined],
      [1_000, 10, undefined],
      [11_000, 10, 9.5],
      [13_000, 0, 9.9],
    ]);
  });

  it('says nothing of traffic that is not known', () => {
    const points = [{ atMs: 0, asked: shares(10) }];
    expect(
      withTrafficPoint({
        points,
        asked: shares(10),
        traffic: { unknown: 'away', sinceMs: 0 },
        nowMs: 1e9,
      }),
    ).toBeUndefined();
  });

  it('stays bounded over days, keeps order, its ends and, while it can, every change', () => {
    let points: TrafficPoint[] = [];
    for (let second = 0; second < 3 * 86_400; second += 5) {
      points =
        withTrafficPoint({
          points,
          asked: shares(second % 20_000 < 10_000 ? 10 : 50),
          traffic: seen(9),
          nowMs: second * 1_000,
        }) ?? points;
    }
    expect(points.length).toBeLessThanOrEqual(240);
    expect(points.length).toBeGreaterThan(100);
    expect(points[0].atMs).toBe(0);
    const changes = points.filter(
      ({ asked }, index) =>
        index === 0 ||
        JSON.stringify(asked) !== JSON.stringify(points[index - 1].asked),
    );
    expect(changes).toHaveLength(Math.ceil((3 * 86_400) / 10_000));
  });

  it('thins any list to any bound', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 10, 50), { minLength: 3, maxLength: 200 }),
        fc.integer({ min: 2, max: 50 }),
        (percents, most) => {
          const points = percents.map((percent, index) => ({
            atMs: index,
            asked: shares(percent),
          }));
          const kept = thinned(points, most);
          expect(kept.length).toBe(Math.min(points.length, most));
          expect(kept[0]).toBe(points[0]);
          expect(kept.at(-1)).toBe(points.at(-1));
          expect(kept.map(({ atMs }) => atMs)).toEqual(
            [...kept.map(({ atMs }) => atMs)].sort((a, b) => a - b),
          );
        },
      ),
    );
  });
});
