import {
  MetricModel,
  StrategyModel,
  TrackMetrics,
} from '@slipway/backstage-plugin-delivery-common';
import { formatLimits, formatValue, labelOf } from '../../analysis';

/** The rates of a track that thresholds can be held against. */
const READINGS: Record<string, (track: TrackMetrics) => number | undefined> = {
  'success-rate': track => track.successRatio,
  'latency-p95': track => track.latencyP95Ms,
};

function metricsOf(strategy: StrategyModel): MetricModel[] {
  switch (strategy.type) {
    case 'canary':
      return [
        ...strategy.steps.flatMap(step =>
          step.type === 'analysis' ? step.analysis.metrics : [],
        ),
        ...(strategy.background?.metrics ?? []),
      ];
    case 'blueGreen':
      return [
        ...(strategy.preAnalysis?.metrics ?? []),
        ...(strategy.postAnalysis?.metrics ?? []),
      ];
    default:
      return [];
  }
}

/** The least strict of two bounds; what has none once is not held to any. */
function loosest(
  pick: (a: number, b: number) => number,
  a: number | undefined,
  b: number | undefined,
): number | undefined {
  return a === undefined || b === undefined ? undefined : pick(a, b);
}

/**
 * What a release is held to while nothing is rolled out: the thresholds that
 * its own analyses have. Where several differ, the one that is easiest to keep.
 */
export function steadyMetrics(strategy: StrategyModel): MetricModel[] {
  const metrics = new Map<string, MetricModel>();
  for (const metric of metricsOf(strategy)) {
    const before = metrics.get(metric.name);
    metrics.set(
      metric.name,
      before
        ? {
            ...metric,
            min: loosest(Math.min, before.min, metric.min),
            max: loosest(Math.max, before.max, metric.max),
            minSamples: Math.max(before.minSamples, metric.minSamples),
          }
        : metric,
    );
  }
  return [...metrics.values()];
}

/**
 * Why the last minute of a track is bad, a sentence for each metric. Too few
 * samples, or none, say nothing: that is unknown and not bad.
 */
export function rateCauses(
  track: TrackMetrics | undefined,
  metrics: MetricModel[],
): string[] {
  if (!track) {
    return [];
  }
  return metrics.flatMap(metric => {
    const value = READINGS[metric.name]?.(track);
    const samples = track.requests ?? 0;
    const { min, max, unit } = metric;
    const enough = samples >= Math.max(1, metric.minSamples);
    if (value === undefined || !Number.isFinite(value) || !enough) {
      return [];
    }
    const bad =
      (min !== undefined && value < min) || (max !== undefined && value > max);
    return bad
      ? [
          `The ${labelOf(metric.name)} was ${formatValue(
            value,
            unit,
          )} in the last ${Math.round(
            track.windowMs / 1_000,
          )} s (${formatLimits(metric)}; ${samples} requests)`,
        ]
      : [];
  });
}
