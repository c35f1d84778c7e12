import {
  Measurement,
  MeasurementOutcome,
} from '@slipway/backstage-plugin-delivery-common';

/** Size of the drawing in its own units; it scales with its container. */
export const CHART = {
  width: 600,
  height: 200,
  left: 8,
  right: 8,
  top: 10,
  bottom: 10,
};

export interface Point {
  x: number;
  y: number;
}

export interface ChartLines {
  canary: Point[];
  baseline: Point[];
  thresholds: Array<{ y: number; value: number }>;
  lowest: number;
  highest: number;
}

export function valueOf(
  outcome: MeasurementOutcome | undefined,
): number | undefined {
  return outcome?.type === 'value' && Number.isFinite(outcome.value)
    ? outcome.value
    : undefined;
}

/** Places measurements and thresholds so that every one of them is in sight. */
export function chartLines(
  measurements: Measurement[],
  limit: { min?: number; max?: number },
): ChartLines {
  const thresholds = [limit.min, limit.max].filter(it => it !== undefined);
  const values = [
    ...thresholds,
    ...measurements.flatMap(it => [valueOf(it.outcome), valueOf(it.baseline)]),
  ].filter(it => it !== undefined);
  const lowest = Math.min(...values);
  const highest = Math.max(...values);
  // The labels name the ends of the axis; a flat line stands in the middle.
  const slack = highest > lowest ? 0 : Math.abs(highest) || 1;
  const from = lowest - slack;
  const to = highest + slack;
  const times = measurements.map(it => it.atMs);
  const firstMs = Math.min(...times);
  const lastMs = Math.max(...times);
  const x = (atMs: number) =>
    CHART.left +
    ((CHART.width - CHART.left - CHART.right) * (atMs - firstMs)) /
      (lastMs - firstMs || 1);
  const y = (value: number) =>
    CHART.top +
    (CHART.height - CHART.top - CHART.bottom) *
      (1 - (value - from) / (to - from));
  const points = (read: (it: Measurement) => number | undefined) =>
    measurements.flatMap(it => {
      const value = read(it);
      return value === undefined ? [] : [{ x: x(it.atMs), y: y(value) }];
    });
  return {
    canary: points(it => valueOf(it.outcome)),
    baseline: points(it => valueOf(it.baseline)),
    thresholds: thresholds.map(value => ({ y: y(value), value })),
    lowest,
    highest,
  };
}
