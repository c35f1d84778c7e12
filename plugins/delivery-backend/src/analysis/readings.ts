import {
  AnalysisRun,
  Measurement,
  MetricModel,
} from '@slipway/backstage-plugin-delivery-common';
import { breaksMax, sanitize } from './thresholds';
import {
  countingMeasurements,
  endedWindows,
  REASKS,
  timesAsked,
} from './windows';

/** What the measurements of one metric add up to. */
export interface Readings {
  /** Windows with a value, oldest first. */
  values: Array<{ value: number; samples: number }>;
  /** Over all windows. */
  samples: number;
  /** Mean weighted by samples; for counts the worst window. */
  value?: number;
  baseline?: number;
  noData: {
    total: number;
    /** Asked for often enough: there will be none. */
    settled: number;
    /** May still come. */
    open: number;
    detail?: string;
  };
  /** The newest window has no data. */
  lastIsNoData: boolean;
  /** Windows in a row, up to the newest, whose source failed. */
  trailingErrors: number;
  lastError?: string;
  /** Whether every window that ends until then has been asked for. */
  askedUntil(atMs: number): boolean;
}

/** The mean weighted by samples; `undefined` without any. */
export function weightedMean(
  values: ReadonlyArray<{ value: number; samples: number }>,
): number | undefined {
  const samples = values.reduce((sum, r) => sum + r.samples, 0);
  return samples > 0
    ? values.reduce((sum, r) => sum + r.value * (r.samples / samples), 0)
    : undefined;
}

/** Sorts the measurements of one metric of a run into what the judge asks about. */
export function collectReadings(question: {
  run: AnalysisRun;
  metric: MetricModel;
  measurements: readonly Measurement[];
  nowMs: number;
}): Readings {
  const { run, metric, measurements, nowMs } = question;
  const counting = countingMeasurements(run, metric.name, measurements);
  const asked = timesAsked(run, metric.name, measurements);
  const outcomes = counting.map(m => ({
    fromMs: m.fromMs,
    outcome: sanitize(m.outcome),
  }));
  const values: Readings['values'] = [];
  const noData: Readings['noData'] = { total: 0, settled: 0, open: 0 };
  let trailingErrors = 0;
  let lastError: string | undefined;
  for (const { fromMs, outcome } of outcomes) {
    trailingErrors = outcome.type === 'error' ? trailingErrors + 1 : 0;
    if (outcome.type === 'value') {
      values.push({ value: outcome.value, samples: outcome.samples });
    } else if (outcome.type === 'error') {
      lastError = outcome.message;
    } else {
      const settled =
        (asked.get(fromMs) ?? 0) > REASKS ||
        (run.placement === 'step' && nowMs >= run.deadlineMs);
      noData.total += 1;
      noData[settled ? 'settled' : 'open'] += 1;
      noData.detail = outcome.detail ?? noData.detail;
    }
  }
  const baselines = counting
    .map(m => (m.baseline ? sanitize(m.baseline) : undefined))
    .flatMap(outcome => (outcome?.type === 'value' ? [outcome] : []));
  const value = summarise(metric, values);
  const baseline = summarise(metric, baselines);
  return {
    values,
    samples: values.reduce((sum, r) => sum + r.samples, 0),
    ...(value === undefined ? {} : { value }),
    ...(baseline === undefined ? {} : { baseline }),
    noData,
    lastIsNoData: outcomes.at(-1)?.outcome.type === 'no-data',
    trailingErrors,
    ...(lastError === undefined ? {} : { lastError }),
    askedUntil: atMs =>
      endedWindows(run, Math.min(nowMs, atMs)).every(w => asked.has(w.fromMs)),
  };
}

function summarise(
  metric: MetricModel,
  values: ReadonlyArray<{ value: number; samples: number }>,
): number | undefined {
  if (metric.unit !== 'count' || values.length === 0) {
    return weightedMean(values);
  }
  const all = values.map(r => r.value);
  const greatest = Math.max(...all);
  return metric.min === undefined || breaksMax(metric, greatest)
    ? greatest
    : Math.min(...all);
}
