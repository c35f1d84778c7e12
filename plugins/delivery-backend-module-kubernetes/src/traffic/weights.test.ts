import fc from 'fast-check';
import { distribute, onlyReady } from './weights';

const shares = fc.uniqueArray(
  fc.record({
    generation: fc.stringMatching(/^g[0-9]{1,3}$/),
    percent: fc.integer({ min: 0, max: 100 }),
  }),
  { selector: ({ generation }) => generation, minLength: 1, maxLength: 5 },
);

describe('Weights', () => {
  it('add up to the whole and are off by less than one', () => {
    fc.assert(
      fc.property(
        shares,
        fc.integer({ min: 1, max: 1_000_000 }),
        (of, total) => {
          const sum = of.reduce((all, { percent }) => all + percent, 0);
          fc.pre(sum > 0);
          const parts = distribute(of, total);
          expect(parts.reduce((all, { weight }) => all + weight, 0)).toBe(
            total,
          );
          for (const { generation, weight } of parts) {
            const share = of.find(other => other.generation === generation);
            const exact = ((share?.percent ?? 0) * total) / sum;
            expect(Math.abs(weight - exact)).toBeLessThan(1);
          }
        },
      ),
    );
  });

  it('go to nobody who has nothing ready while anybody has, and keep their sum', () => {
    fc.assert(
      fc.property(shares, fc.func(fc.nat(2)), (of, ready) => {
        const result = onlyReady(of, ready);
        const sum = (all: typeof of) =>
          all.reduce((total, { percent }) => total + percent, 0);
        expect(sum(result)).toBe(sum(of));
        const given = of.filter(({ percent }) => percent > 0);
        const anybody = given.some(({ generation }) => ready(generation) > 0);
        const idle = result.filter(
          ({ generation, percent }) => percent > 0 && ready(generation) === 0,
        );
        expect(anybody ? idle : result).toEqual(anybody ? [] : given);
      }),
    );
  });
});
