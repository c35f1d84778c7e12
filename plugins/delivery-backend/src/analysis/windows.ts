import {
  AnalysisRun,
  Measurement,
} from '@slipway/backstage-plugin-delivery-common';

/*
 * When to measure what.
 *
 * A run is cut into windows of its interval, one measurement for each metric
 * and window, and the judge's value is their mean weighted by samples. The
 * other choice, one window growing from the start until now, was not taken:
 * each answer would hide when a failure happened, could not be compared with
 * the one before (a failing minute would stay in every later measurement and
 * count against `failureLimit` again and again), and asks sources for ever
 * longer ranges. For ratios the weighted mean of the windows *is* the ratio of
 * the whole; for percentiles it is an approximation, told here and in the docs.
 *
 * Data may come late: a window that had none, or whose source failed, is asked
 * for again at the end of the following windows, REASKS times at most. The
 * newest answer with a value counts.
 */

/** One window of one run. */
export interface Window {
  fromMs: number;
  toMs: number;
}

/** How often a window without a value is asked for again. */
export const REASKS = 2;

/** Windows of one metric asked for in one go, after the backend was away. */
export const MOST_WINDOWS_AT_ONCE = 20;

/** The least distance between two measurements. */
const LEAST_INTERVAL_MS = 1_000;

/** How long one window is. */
export function windowMs(run: AnalysisRun): number {
  const { intervalMs, durationMs } = run.analysis;
  const wanted =
    durationMs > 0 && durationMs < intervalMs ? durationMs : intervalMs;
  return Math.max(LEAST_INTERVAL_MS, wanted);
}

/** Windows that have ended, oldest first. An inline run measures nothing after its deadline. */
export function endedWindows(run: AnalysisRun, nowMs: number): Window[] {
  const length = windowMs(run);
  const endMs =
    run.placement === 'background' ? nowMs : Math.min(nowMs, lastEndMs(run));
  const count = Math.max(0, Math.floor((endMs - run.startedAtMs) / length));
  return Array.from({ length: count }, (_, index) => ({
    fromMs: run.startedAtMs + index * length,
    toMs: run.startedAtMs + (index + 1) * length,
  }));
}

/** The end of the last window that begins before the deadline. */
function lastEndMs(run: AnalysisRun): number {
  const length = windowMs(run);
  const count = Math.max(
    1,
    Math.ceil((run.deadlineMs - run.startedAtMs) / length),
  );
  return run.startedAtMs + count * length;
}

/** The windows of a metric that should be asked for now, the oldest first. */
export function dueWindows(
  run: AnalysisRun,
  metric: string,
  measurements: readonly Measurement[],
  nowMs: number,
): Window[] {
  const length = windowMs(run);
  const asked = new Map<
    number,
    { times: number; lastMs: number; has: boolean }
  >();
  for (const m of measurements) {
    if (m.analysisId === run.id && m.metric === metric) {
      const before = asked.get(m.fromMs);
      asked.set(m.fromMs, {
        times: (before?.times ?? 0) + 1,
        lastMs: Math.max(before?.lastMs ?? 0, m.atMs),
        has: (before?.has ?? false) || m.outcome.type === 'value',
      });
    }
  }
  return endedWindows(run, nowMs)
    .filter(({ fromMs }) => {
      const before = asked.get(fromMs);
      return (
        !before ||
        (!before.has &&
          before.times <= REASKS &&
          nowMs >= before.lastMs + length)
      );
    })
    .slice(0, MOST_WINDOWS_AT_ONCE);
}

/** How often each window of a metric was asked for. */
export function timesAsked(
  run: AnalysisRun,
  metric: string,
  measurements: readonly Measurement[],
): Map<number, number> {
  const times = new Map<number, number>();
  for (const m of measurements) {
    if (m.analysisId === run.id && m.metric === metric) {
      times.set(m.fromMs, (times.get(m.fromMs) ?? 0) + 1);
    }
  }
  return times;
}

/** The measurement that counts for each window: the newest with a value, else the newest. */
export function countingMeasurements(
  run: AnalysisRun,
  metric: string,
  measurements: readonly Measurement[],
): Measurement[] {
  const byWindow = new Map<number, Measurement>();
  for (const m of measurements) {
    if (m.analysisId !== run.id || m.metric !== metric) {
      continue;
    }
    const before = byWindow.get(m.fromMs);
    const better =
      !before ||
      (m.outcome.type === 'value') === (before.outcome.type === 'value')
        ? !before || m.atMs >= before.atMs
        : m.outcome.type === 'value';
    if (better) {
      byWindow.set(m.fromMs, m);
    }
  }
  return [...byWindow.values()].sort((a, b) => a.fromMs - b.fromMs);
}

/**
 * When the next measurement of any of the runs is due; `undefined` when
 * nothing is being measured.
 */
export function nextMeasurementAtMs(options: {
  runs: readonly AnalysisRun[];
  measurements: readonly Measurement[];
  nowMs: number;
}): number | undefined {
  const { runs, measurements, nowMs } = options;
  const times = runs
    .filter(run => run.status === 'running')
    .flatMap(run => {
      const isDue = run.analysis.metrics.some(
        metric => dueWindows(run, metric.name, measurements, nowMs).length > 0,
      );
      if (isDue) {
        return [nowMs];
      }
      const length = windowMs(run);
      const passed = Math.max(
        0,
        Math.floor((nowMs - run.startedAtMs) / length),
      );
      return [run.startedAtMs + (passed + 1) * length];
    });
  return times.length > 0 ? Math.min(...times) : undefined;
}
