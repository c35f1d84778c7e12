import { TrafficShare } from '@slipway/backstage-plugin-delivery-common';

/**
 * Whole weights that add up to `total`, in proportion to the shares (largest
 * remainder: none is off by one or more).
 */
export function distribute(
  shares: TrafficShare[],
  total: number,
): Array<{ generation: string; weight: number }> {
  const given = shares.filter(({ percent }) => percent > 0);
  const sum = given.reduce((all, { percent }) => all + percent, 0);
  const exact = given.map(({ generation, percent }, index) => {
    const value = (total * percent) / sum;
    return { generation, index, floor: Math.floor(value), rest: value % 1 };
  });
  let missing = total - exact.reduce((all, { floor }) => all + floor, 0);
  const byRest = [...exact].sort((a, b) => b.rest - a.rest);
  for (const entry of byRest) {
    if (missing <= 0) {
      break;
    }
    entry.floor += 1;
    missing -= 1;
  }
  return exact.map(({ generation, floor }) => ({ generation, weight: floor }));
}

/**
 * The share of each generation as far as something of it is ready: what would
 * go to a generation with nothing ready goes to the others in proportion. With
 * nothing ready anywhere the shares stay as they are: whoever is ready first
 * serves first.
 */
export function onlyReady(
  shares: TrafficShare[],
  ready: (generation: string) => number,
): TrafficShare[] {
  const given = shares.filter(({ percent }) => percent > 0);
  const serving = given.filter(({ generation }) => ready(generation) > 0);
  if (serving.length === 0 || serving.length === given.length) {
    return given;
  }
  const total = given.reduce((all, { percent }) => all + percent, 0);
  return distribute(serving, Math.round(total)).map(
    ({ generation, weight }) => ({ generation, percent: weight }),
  );
}

/** Weights as shares in percent, to a thousandth. */
export function toShares(
  weights: Array<{ generation: string; weight: number }>,
): TrafficShare[] {
  const sums = new Map<string, number>();
  for (const { generation, weight } of weights) {
    sums.set(generation, (sums.get(generation) ?? 0) + weight);
  }
  const all = [...sums.values()].reduce((total, weight) => total + weight, 0);
  return [...sums]
    .filter(([, weight]) => weight > 0)
    .map(([generation, weight]) => ({
      generation,
      percent: Math.round((weight / all) * 100_000) / 1_000,
    }));
}
