import fc from 'fast-check';
import { WeightedChoice } from './balance';

const shares = fc
  .array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 4 })
  .filter(weights => weights.some(weight => weight > 0));

describe('WeightedChoice', () => {
  it('gives every candidate its share of any hundred choices, give or take one each', () => {
    fc.assert(
      fc.property(shares, weights => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const named = new Map(weights.map((weight, i) => [`g${i}`, weight]));
        const choice = new WeightedChoice();
        const counts = new Map<string, number>();
        for (let n = 0; n < 100; n += 1) {
          const name = choice.next(named) ?? 'nobody';
          counts.set(name, (counts.get(name) ?? 0) + 1);
        }
        for (const [name, weight] of named) {
          const expected = (weight / total) * 100;
          expect(
            Math.abs((counts.get(name) ?? 0) - expected),
          ).toBeLessThanOrEqual(weights.length);
        }
      }),
    );
  });

  it('never chooses who has no weight', () => {
    const choice = new WeightedChoice();
    const weights = new Map([
      ['none', 0],
      ['all', 100],
    ]);
    for (let n = 0; n < 50; n += 1) {
      expect(choice.next(weights)).toBe('all');
    }
    expect(choice.next(new Map([['none', 0]]))).toBeUndefined();
    expect(choice.next(new Map())).toBeUndefined();
  });

  it('spreads a small share evenly instead of in a row', () => {
    const choice = new WeightedChoice();
    const weights = new Map([
      ['stable', 90],
      ['canary', 10],
    ]);
    const chosen = Array.from({ length: 100 }, () => choice.next(weights));
    const places = chosen.flatMap((name, i) => (name === 'canary' ? [i] : []));
    expect(places).toHaveLength(10);
    expect(
      new Set(places.slice(1).map((place, i) => place - places[i])),
    ).toEqual(new Set([10]));
  });
});
