import {
  AnalysisRun,
  Measurement,
  MeasurementOutcome,
  MetricModel,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { MetricProvider } from '@slipway/backstage-plugin-delivery-node';
import { sanitize, verdictOfOutcome } from './thresholds';
import { dueWindows, Window } from './windows';

/** A source that takes longer has failed, as far as this measurement goes. */
const QUERY_TIMEOUT_MS = 10_000;
/** A metric source is shared; a backlog must not flood it. */
const MOST_AT_ONCE = 4;

interface Task {
  run: AnalysisRun;
  metric: MetricModel;
  window: Window;
}

/**
 * Asks the metric providers for every window that is due, of the candidate and
 * of its baseline, and returns the new measurements (not the ones given).
 * Never throws for a source: a failing, slow or unknown one is an outcome.
 * Takes 10 s for each batch of queries at most; what was not asked when the
 * signal ends is left for the next time.
 */
export async function measure(options: {
  runs: readonly AnalysisRun[];
  target: TargetRef;
  measurements: readonly Measurement[];
  providers: readonly MetricProvider[];
  nowMs: number;
  signal: AbortSignal;
  /** Of one query; default 10 s. */
  timeoutMs?: number;
}): Promise<Measurement[]> {
  const { runs, target, measurements, providers, nowMs, signal } = options;
  const { timeoutMs = QUERY_TIMEOUT_MS } = options;
  const tasks: Task[] = runs
    .filter(run => run.status === 'running')
    .flatMap(run =>
      run.analysis.metrics.flatMap(metric =>
        dueWindows(run, metric.name, measurements, nowMs).map(window => ({
          run,
          metric,
          window,
        })),
      ),
    );
  const found: Measurement[] = [];
  let next = 0;
  const work = async () => {
    while (next < tasks.length && !signal.aborted) {
      const task = tasks[next];
      next += 1;
      const result = await measureOne(task, {
        target,
        providers,
        nowMs,
        signal,
        timeoutMs,
      });
      // The caller gives up: what was cut off is no outcome of the source.
      if (!signal.aborted) {
        found.push(result);
      }
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(MOST_AT_ONCE, tasks.length) }, work),
  );
  return found.sort((a, b) => a.fromMs - b.fromMs);
}

interface Surroundings {
  target: TargetRef;
  providers: readonly MetricProvider[];
  nowMs: number;
  signal: AbortSignal;
  timeoutMs: number;
}

async function measureOne(
  { run, metric, window }: Task,
  surroundings: Surroundings,
): Promise<Measurement> {
  const ask = (generation: string) =>
    askProvider(metric.name, generation, window, surroundings);
  const [candidate, baseline] = await Promise.all([
    ask(run.candidate),
    run.baseline === undefined ? undefined : ask(run.baseline),
  ]);
  const outcome = sanitize(candidate.outcome);
  return {
    analysisId: run.id,
    metric: metric.name,
    atMs: surroundings.nowMs,
    fromMs: window.fromMs,
    toMs: window.toMs,
    outcome,
    ...(baseline ? { baseline: sanitize(baseline.outcome) } : {}),
    verdict: verdictOfOutcome(metric, outcome),
    ...(candidate.query ? { query: candidate.query } : {}),
  };
}

async function askProvider(
  metric: string,
  generation: string,
  window: Window,
  surroundings: Surroundings,
): Promise<{ outcome: MeasurementOutcome; query?: string }> {
  const { target, providers, signal, timeoutMs } = surroundings;
  const provider = providers.find(p =>
    p.metrics().some(known => known.name === metric),
  );
  if (!provider) {
    const known = providers.flatMap(p => p.metrics().map(m => m.name));
    return {
      outcome: {
        type: 'error',
        message: `No metric source of the environment knows "${metric}"; known: ${
          known.join(', ') || 'none'
        }`,
      },
    };
  }
  const timeout = AbortSignal.timeout(timeoutMs);
  const both = AbortSignal.any([signal, timeout]);
  try {
    // The race bounds providers that do not listen to the signal.
    return await Promise.race([
      provider.query({ target, generation, metric, ...window }, both),
      rejectOnAbort(both, timeout, timeoutMs),
    ]);
  } catch (error) {
    return {
      outcome: {
        type: 'error',
        message: `${provider.id}: ${
          error instanceof Error ? error.message : String(error)
        }`,
      },
    };
  }
}

function rejectOnAbort(
  signal: AbortSignal,
  timeout: AbortSignal,
  timeoutMs: number,
): Promise<never> {
  return new Promise((_resolve, reject) => {
    const onAbort = () =>
      reject(
        new Error(
          timeout.aborted
            ? `no answer within ${timeoutMs / 1_000} s`
            : 'the measurement was given up',
        ),
      );
    if (signal.aborted) {
      onAbort();
    } else {
      signal.addEventListener('abort', onAbort, { once: true });
    }
  });
}
