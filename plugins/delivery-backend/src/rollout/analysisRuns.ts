import {
  AnalysisModel,
  AnalysisRun,
  RolloutState,
} from '@slipway/backstage-plugin-delivery-common';
import { Draft, note } from './draft';

/**
 * Starts to measure. The id names deployment, attempt and place, so that the
 * measurements of an earlier attempt can never speak for this one.
 */
export function startAnalysis(
  draft: Draft,
  rollout: RolloutState,
  analysis: AnalysisModel,
  place: { placement: 'step'; stepIndex: number } | { placement: 'background' },
): AnalysisRun {
  const where =
    place.placement === 'step' ? `step-${place.stepIndex}` : 'background';
  const base = `${rollout.deploymentId}/${rollout.attempt}/${where}`;
  const again = rollout.analyses.filter(
    run => run.id === base || run.id.startsWith(`${base}/`),
  ).length;
  const { stable } = draft.record;
  const run: AnalysisRun = {
    id: again === 0 ? base : `${base}/${again + 1}`,
    ...place,
    analysis,
    candidate: rollout.candidate.generation,
    ...(stable ? { baseline: stable.generation } : {}),
    startedAtMs: draft.nowMs,
    deadlineMs: draft.nowMs + analysis.durationMs + analysis.extendMs,
    status: 'running',
  };
  rollout.analyses.push(run);
  note(
    draft,
    'analysis-started',
    `Measuring ${
      analysis.metrics.map(m => m.name).join(', ') || 'nothing'
    } of the candidate`,
  );
  return run;
}

/** Nothing is measured for a rollout that is over, or that goes back. */
export function stopAnalyses(
  rollout: RolloutState,
  placement?: AnalysisRun['placement'],
): void {
  for (const run of rollout.analyses) {
    if (
      run.status === 'running' &&
      (placement === undefined || run.placement === placement)
    ) {
      run.status = 'stopped';
    }
  }
}

/** The background analysis that is going on. */
export function runningBackground(
  rollout: RolloutState,
): AnalysisRun | undefined {
  return rollout.analyses.find(
    run => run.placement === 'background' && run.status === 'running',
  );
}

/** The newest run of a step. */
export function runOfStep(
  rollout: RolloutState,
  analysisId: string | undefined,
): AnalysisRun | undefined {
  return rollout.analyses.find(run => run.id === analysisId);
}
