import {
  isKnown,
  TrafficPoint,
  TrafficShare,
  World,
} from '@slipway/backstage-plugin-delivery-common';
import { sameShares } from './convergeSteps';

/** Of one deployment; far more than a chart can show. */
const MOST_POINTS = 240;
/** Between two points that only measure, at first. */
const SHORTEST_INTERVAL_MS = 10_000;
/** The longer a deployment goes on, the rarer its points: this many for its age. */
const POINTS_PER_AGE = 60;

/**
 * The points with the one that this moment asks for, or `undefined` when it
 * asks for none: the asked shares have changed, or it is time to note again
 * what flows. Pure; what it answers is bounded.
 */
export function withTrafficPoint(options: {
  points: readonly TrafficPoint[];
  asked: TrafficShare[];
  traffic: World['traffic'];
  nowMs: number;
}): TrafficPoint[] | undefined {
  const { points, traffic, nowMs } = options;
  const asked = options.asked.map(({ generation, percent }) => ({
    generation,
    percent,
  }));
  const last = points.at(-1);
  const measured = isKnown(traffic) ? traffic.known.measured : undefined;
  const isChange = !last || !sameShares(last.asked, asked);
  if (!isChange) {
    const lastMeasuredMs = points.findLast(point => point.measured)?.atMs;
    const sinceMs = lastMeasuredMs ?? points[0].atMs;
    const intervalMs = Math.max(
      SHORTEST_INTERVAL_MS,
      (nowMs - points[0].atMs) / POINTS_PER_AGE,
    );
    if (!measured || nowMs - sinceMs < intervalMs) {
      return undefined;
    }
  }
  return thinned([
    ...points,
    { atMs: nowMs, asked, ...(measured ? { measured } : {}) },
  ]);
}

/**
 * Leaves every second point out, from the oldest on, until there are few
 * enough: first of those that only measure, and never the first or the last.
 */
export function thinned(
  points: TrafficPoint[],
  most: number = MOST_POINTS,
): TrafficPoint[] {
  let left = points;
  while (left.length > most) {
    const before = left;
    const isChange = before.map(
      (point, index) =>
        index === 0 || !sameShares(point.asked, before[index - 1].asked),
    );
    const inner = before.flatMap((_, index) =>
      index > 0 && index < before.length - 1 ? [index] : [],
    );
    const onlyMeasure = inner.filter(index => !isChange[index]);
    const candidates = onlyMeasure.length > 0 ? onlyMeasure : inner;
    const removed = new Set(
      candidates
        .filter((_, index) => index % 2 === 0)
        .slice(0, left.length - most),
    );
    left = left.filter((_, index) => !removed.has(index));
  }
  return left;
}
