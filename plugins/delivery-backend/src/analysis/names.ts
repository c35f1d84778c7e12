import { MetricModel } from '@slipway/backstage-plugin-delivery-common';

type Unit = MetricModel['unit'];

const LABELS: Record<string, string> = {
  'success-rate': 'success rate',
  'error-rate': 'error rate',
  'latency-p50': 'median latency',
  'latency-p90': '90th percentile latency',
  'latency-p95': '95th percentile latency',
  'latency-p99': '99th percentile latency',
};

/** What people call a metric. */
export function labelOf(metric: string): string {
  return LABELS[metric] ?? metric;
}

/** "99 %", "300 ms", "12" - with as many digits as tell something. */
export function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case 'ratio':
      return `${round(value * 100)} %`;
    case 'milliseconds':
      return `${round(value)} ms`;
    default:
      return `${round(value)}`;
  }
}

/** Two digits below 1, one below 100, none above. */
function round(value: number): number {
  const size = Math.abs(value);
  const digits = size < 1 ? 2 : Number(size < 100);
  return Number(value.toFixed(digits));
}

/** "1 sample", "412 samples" */
export function formatSamples(samples: number): string {
  return `${samples} sample${samples === 1 ? '' : 's'}`;
}

/** "min 99 %", "max 300 ms", "min 1, max 5" */
export function formatLimits(
  metric: Pick<MetricModel, 'min' | 'max' | 'unit'>,
): string {
  const { min, max, unit } = metric;
  return [
    ...(min === undefined ? [] : [`min ${formatValue(min, unit)}`]),
    ...(max === undefined ? [] : [`max ${formatValue(max, unit)}`]),
  ].join(', ');
}

/**
 * Says what a failing value means, from the user's side: a success rate that
 * is too low is told as the share of requests that failed.
 */
export function describeFailure(
  metric: MetricModel,
  value: number,
  samples: number,
): string {
  const { name, min, max, unit } = metric;
  const count = formatSamples(samples);
  if (name === 'success-rate' && min !== undefined && value < min) {
    return `${formatValue(
      1 - value,
      'ratio',
    )} of canary requests failed (limit ${formatValue(
      1 - min,
      'ratio',
    )}, ${count})`;
  }
  if (name === 'error-rate' && max !== undefined && value > max) {
    return `${formatValue(
      value,
      'ratio',
    )} of canary requests failed (limit ${formatValue(
      max,
      'ratio',
    )}, ${count})`;
  }
  const label = labelOf(name);
  const says = `${label[0].toUpperCase()}${label.slice(
    1,
  )} of the canary is ${formatValue(value, unit)}`;
  return `${says} (${formatLimits(metric)}, ${count})`;
}
