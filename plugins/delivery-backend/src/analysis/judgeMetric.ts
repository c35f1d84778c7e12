import {
  AnalysisRun,
  Measurement,
  MetricModel,
  MetricVerdict,
  Reason,
  VerdictKind,
} from '@slipway/backstage-plugin-delivery-common';
import {
  describeFailure,
  formatLimits,
  formatSamples,
  formatValue,
  labelOf,
} from './names';
import { collectReadings, Readings, weightedMean } from './readings';
import { breaks, breaksMax, breaksMin } from './thresholds';

/** The verdict on one metric, and the sentence for it. */
export interface JudgedMetric {
  verdict: MetricVerdict;
  reason?: Reason;
}

interface Question {
  run: AnalysisRun;
  metric: MetricModel;
  measurements: readonly Measurement[];
  nowMs: number;
}

/*
 * A failing window is not a failing release: with 4 samples in a window one
 * lost request is "25 % errors". So a metric fails when all of this holds:
 *
 * - there are `minSamples` samples over all windows;
 * - more windows fail than `failureLimit` tolerates;
 * - the mean over all windows, weighted by samples, breaks the threshold too -
 *   or more windows than tolerated break it with `minSamples` of their own, so
 *   that a long good past cannot hide a bad present.
 *
 * More bad samples can therefore never turn a fail into a pass.
 */

/** Judges one metric of a run by its measurements so far. */
export function judgeMetric(question: Question): JudgedMetric {
  const { metric } = question;
  const readings = collectReadings(question);
  const { verdict, reason } = decideMetric(question, readings);
  const flip = nearestFlip(metric, readings, verdict);
  return {
    verdict: {
      metric: metric.name,
      unit: metric.unit,
      ...(verdict ? { verdict } : {}),
      ...(readings.value === undefined ? {} : { value: readings.value }),
      ...(readings.baseline === undefined
        ? {}
        : { baseline: readings.baseline }),
      samples: readings.samples,
      ...(metric.min === undefined ? {} : { min: metric.min }),
      ...(metric.max === undefined ? {} : { max: metric.max }),
      minSamples: metric.minSamples,
      ...(flip ? { nearestFlip: flip } : {}),
    },
    ...(reason ? { reason } : {}),
  };
}

type Decision = { verdict?: VerdictKind; reason?: Reason };

function decideMetric(
  { run, metric, nowMs }: Question,
  readings: Readings,
): Decision {
  const { samples, noData, trailingErrors, lastError } = readings;
  const needed = Math.max(1, metric.minSamples);
  const bad = certainFailure(metric, readings, needed);
  if (bad) {
    return bad;
  }
  if (trailingErrors >= Math.max(1, metric.consecutiveErrorLimit)) {
    return {
      verdict: 'error',
      reason: unreadable(metric, trailingErrors, lastError),
    };
  }
  const endsAtMs = run.startedAtMs + run.analysis.durationMs;
  if (nowMs < endsAtMs || !readings.askedUntil(endsAtMs)) {
    return {};
  }
  const isLast = nowMs >= run.deadlineMs && readings.askedUntil(run.deadlineMs);
  // A window that may still get its data could yet count as a failing one.
  const open = metric.noData === 'fail' && noData.open > 0;
  if (samples >= needed && !open) {
    return { verdict: 'pass', reason: passing(metric, readings) };
  }
  if (samples === 0 && noData.total > 0 && readings.lastIsNoData) {
    if (metric.noData === 'pass') {
      return { verdict: 'pass', reason: passing(metric, readings) };
    }
    const waited =
      nowMs >= endsAtMs + run.analysis.intervalMs && metric.noData !== 'extend';
    if (metric.noData === 'inconclusive' && waited) {
      return { verdict: 'inconclusive', reason: tooFew(metric, readings) };
    }
  }
  if (!isLast) {
    return {};
  }
  if (samples >= needed) {
    return { verdict: 'pass', reason: passing(metric, readings) };
  }
  return lastError !== undefined && samples === 0 && noData.total === 0
    ? {
        verdict: 'error',
        reason: unreadable(metric, trailingErrors, lastError),
      }
    : { verdict: 'inconclusive', reason: tooFew(metric, readings) };
}

function certainFailure(
  metric: MetricModel,
  readings: Readings,
  needed: number,
): Decision | undefined {
  const { values, samples, noData } = readings;
  const missing = metric.noData === 'fail' ? noData.settled : 0;
  if (missing > metric.failureLimit) {
    return {
      verdict: 'fail',
      reason: {
        code: 'metric-no-data',
        message: `No data for the ${labelOf(
          metric.name,
        )} of the canary in ${missing} measurement${missing === 1 ? '' : 's'}${
          noData.detail ? `: ${noData.detail}` : ''
        }`,
        metric: metric.name,
        unit: metric.unit,
        samples,
        threshold: limits(metric),
        action:
          'Check that the service gets traffic and reports the metric, or set noData to something else than fail',
      },
    };
  }
  if (samples < needed) {
    return undefined;
  }
  for (const side of [breaksMin, breaksMax]) {
    const other = side === breaksMin ? breaksMax : breaksMin;
    const failing = values.filter(r => side(metric, r.value));
    const decisive = failing.filter(r => r.samples >= needed);
    // What breaks the other side cannot make up for this one.
    const mean = weightedMean(values.filter(r => !other(metric, r.value)));
    const wholeBreaks =
      metric.unit === 'count'
        ? failing.length > 0
        : mean !== undefined && side(metric, mean);
    const tooMany =
      failing.length + missing > metric.failureLimit && failing.length > 0;
    if (tooMany && (wholeBreaks || decisive.length > metric.failureLimit)) {
      const shown = wholeBreaks
        ? { value: shownValue(metric, failing, mean), samples }
        : decisive[decisive.length - 1];
      return {
        verdict: 'fail',
        reason: {
          code: 'metric-failed',
          message: describeFailure(metric, shown.value, shown.samples),
          metric: metric.name,
          unit: metric.unit,
          value: shown.value,
          samples: shown.samples,
          threshold: limits(metric),
        },
      };
    }
  }
  return undefined;
}

/** Counts are not averaged: the worst window speaks. */
function shownValue(
  metric: MetricModel,
  failing: Array<{ value: number }>,
  mean: number | undefined,
): number {
  if (metric.unit !== 'count') {
    return mean ?? failing[0].value;
  }
  const sorted = failing.map(r => r.value).sort((a, b) => a - b);
  return breaksMax(metric, sorted[sorted.length - 1])
    ? sorted[sorted.length - 1]
    : sorted[0];
}

function limits(metric: MetricModel): { min?: number; max?: number } {
  return {
    ...(metric.min === undefined ? {} : { min: metric.min }),
    ...(metric.max === undefined ? {} : { max: metric.max }),
  };
}

function passing(metric: MetricModel, readings: Readings): Reason {
  const { value, samples } = readings;
  return {
    code: 'metric-passed',
    message:
      value === undefined
        ? `${labelOf(metric.name)}: no data, which passes`
        : `${labelOf(metric.name)} ${formatValue(value, metric.unit)} (${[
            formatLimits(metric),
            formatSamples(samples),
          ]
            .filter(Boolean)
            .join(', ')})`,
    metric: metric.name,
  };
}

function tooFew(metric: MetricModel, readings: Readings): Reason {
  const { samples, noData, value } = readings;
  const needed = Math.max(1, metric.minSamples);
  return {
    code: samples === 0 ? 'metric-no-data' : 'metric-too-few-samples',
    message:
      samples === 0
        ? `No data for the ${labelOf(metric.name)} of the canary${
            noData.detail ? `: ${noData.detail}` : ''
          } (${formatSamples(needed)} needed)`
        : `Too few samples for the ${labelOf(
            metric.name,
          )} of the canary: ${samples} of ${needed}`,
    metric: metric.name,
    unit: metric.unit,
    samples,
    ...(value === undefined ? {} : { value }),
    threshold: limits(metric),
    action: 'Promote to go on, retry to measure again, or abort',
  };
}

function unreadable(
  metric: MetricModel,
  times: number,
  lastError: string | undefined,
): Reason {
  return {
    code: 'metric-unreadable',
    message: `The ${labelOf(metric.name)} could not be read ${times} time${
      times === 1 ? '' : 's'
    } in a row${lastError ? `: ${lastError}` : ''}`,
    metric: metric.name,
    unit: metric.unit,
    ...(lastError ? { evidence: lastError } : {}),
    action:
      'Check the metric source, then retry to measure again; promote to go on without it, or abort',
  };
}

/** How far the verdict is from another one. */
function nearestFlip(
  metric: MetricModel,
  readings: Readings,
  verdict: VerdictKind | undefined,
): string | undefined {
  const { min, max, unit, minSamples } = metric;
  const { value, samples } = readings;
  const needed = Math.max(1, minSamples);
  if (verdict !== 'fail' && verdict !== 'pass') {
    return samples < needed
      ? `${formatSamples(needed - samples)} more would decide`
      : undefined;
  }
  if (value === undefined) {
    return undefined;
  }
  if (verdict === 'fail' && breaks(metric, value)) {
    return min !== undefined && breaksMin(metric, value)
      ? `would have passed from ${formatValue(min, unit)}`
      : `would have passed up to ${formatValue(max ?? value, unit)}`;
  }
  if (verdict === 'pass') {
    const toMin = min === undefined ? Infinity : value - min;
    const toMax = max === undefined ? Infinity : max - value;
    if (min !== undefined && toMin <= toMax) {
      return `would have failed below ${formatValue(min, unit)}`;
    }
    return max === undefined
      ? undefined
      : `would have failed above ${formatValue(max, unit)}`;
  }
  return undefined;
}
