import {
  AnalysisRun,
  AnalysisVerdict,
  Measurement,
  MetricVerdict,
  Reason,
  VerdictKind,
} from '@slipway/backstage-plugin-delivery-common';
import { judgeMetric } from './judgeMetric';

/** Worst first: one metric that fails is enough, and one that cannot be read spoils a pass. */
const WORST_FIRST: VerdictKind[] = ['fail', 'error', 'inconclusive', 'pass'];

/**
 * Says what the measurements so far mean for a run. Pure, and computed anew
 * from all the measurements each time, so that late data simply counts.
 *
 * - `fail` and `error` are said as soon as they are certain, whatever the
 *   other metrics do;
 * - `pass` and `inconclusive` only when every metric has decided;
 * - without a verdict the run goes on. It ends at its deadline at the latest,
 *   once the windows up to there have been asked for.
 */
export function judge(options: {
  run: AnalysisRun;
  measurements: readonly Measurement[];
  nowMs: number;
}): AnalysisVerdict {
  const { run, measurements, nowMs } = options;
  const judged = run.analysis.metrics.map(metric =>
    judgeMetric({ run, metric, measurements, nowMs }),
  );
  const metrics: MetricVerdict[] = judged.map(j => j.verdict);
  if (judged.length === 0) {
    const over = nowMs >= run.startedAtMs + run.analysis.durationMs;
    return {
      analysisId: run.id,
      metrics,
      ...(over
        ? {
            verdict: 'pass',
            reason: {
              code: 'analysis-passed',
              message: 'There was nothing to measure',
            },
          }
        : {}),
    };
  }
  const verdict = worst(metrics);
  if (!verdict) {
    return { analysisId: run.id, metrics };
  }
  const speaks = judged.find(j => j.verdict.verdict === verdict);
  const reason: Reason | undefined =
    verdict === 'pass'
      ? {
          code: 'analysis-passed',
          message: judged.map(j => j.reason?.message ?? '').join('; '),
        }
      : speaks?.reason;
  return {
    analysisId: run.id,
    verdict,
    ...(reason ? { reason } : {}),
    metrics,
  };
}

function worst(metrics: MetricVerdict[]): VerdictKind | undefined {
  const open = metrics.some(m => m.verdict === undefined);
  const found = WORST_FIRST.find(kind => metrics.some(m => m.verdict === kind));
  const early = found === 'fail' || found === 'error';
  return open && !early ? undefined : found;
}
