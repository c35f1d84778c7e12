import {
  MeasurementOutcome,
  MetricModel,
  VerdictKind,
} from '@slipway/backstage-plugin-delivery-common';

/** Adding up windows may miss a threshold by this much; that breaks nothing. */
const ROUNDING = 1e-9;

type Limits = Pick<MetricModel, 'min' | 'max'>;

/** Whether a value is below the least that passes. The threshold itself passes. */
export function breaksMin({ min }: Limits, value: number): boolean {
  return (
    min !== undefined && value < min - ROUNDING * Math.max(1, Math.abs(min))
  );
}

/** Whether a value is above the most that passes. The threshold itself passes. */
export function breaksMax({ max }: Limits, value: number): boolean {
  return (
    max !== undefined && value > max + ROUNDING * Math.max(1, Math.abs(max))
  );
}

/** Whether a value breaks a threshold. */
export function breaks(limits: Limits, value: number): boolean {
  return breaksMin(limits, value) || breaksMax(limits, value);
}

/**
 * What a source answers is not always a number. NaN (0 of 0 requests),
 * infinities and impossible sample counts are no data, never a value: nothing
 * may pass or fail by them.
 */
export function sanitize(outcome: MeasurementOutcome): MeasurementOutcome {
  if (outcome.type !== 'value') {
    return outcome;
  }
  const { value, samples } = outcome;
  if (!Number.isFinite(value)) {
    return { type: 'no-data', detail: `the source answered ${value}` };
  }
  if (!Number.isFinite(samples) || samples < 0) {
    return {
      type: 'no-data',
      detail: `the source answered ${samples} samples`,
    };
  }
  if (samples === 0) {
    return { type: 'no-data', detail: 'the source answered 0 samples' };
  }
  return outcome;
}

/** What one measurement says by itself; the judge looks at all of them. */
export function verdictOfOutcome(
  metric: MetricModel,
  raw: MeasurementOutcome,
): VerdictKind {
  const outcome = sanitize(raw);
  switch (outcome.type) {
    case 'value':
      return breaks(metric, outcome.value) ? 'fail' : 'pass';
    case 'error':
      return 'error';
    default:
      // `extend` keeps on measuring: this window alone says nothing.
      return metric.noData === 'pass' || metric.noData === 'fail'
        ? metric.noData
        : 'inconclusive';
  }
}
