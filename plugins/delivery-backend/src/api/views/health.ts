import {
  Deployment,
  Health,
  MetricModel,
  Observed,
  TargetCause,
  TargetRecord,
  TrackMetrics,
  WorkloadsState,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';
import { rateCauses } from './rateHealth';

/**
 * The health of a target in one word. `unknown` wins over everything that
 * would need an observation; nothing deployed is `idle`, not healthy. Rates of
 * stable that break the release's own thresholds degrade it; no data does not.
 * Nor do causes that are only in the way, or that a rollout may bring about
 * between two of its writes.
 */
export function targetHealth(
  record: TargetRecord,
  active: Deployment | undefined,
  workloads: Observed<WorkloadsState>,
  rates: { tracks: TrackMetrics[]; metrics: MetricModel[] } = {
    tracks: [],
    metrics: [],
  },
  causesBeside?: Observed<TargetCause[]>,
): { status: Health; causes: string[] } {
  if (!record.stable && !record.rollout) {
    return { status: active ? 'progressing' : 'idle', causes: [] };
  }
  if (!isKnown(workloads)) {
    return { status: 'unknown', causes: [workloads.unknown] };
  }
  const causes = [
    ...stableCauses(record, workloads.known),
    ...rateCauses(
      rates.tracks.find(
        ({ generation }) => generation === record.stable?.generation,
      ),
      rates.metrics,
    ),
    ...(isActive(record) ? [] : breaking(record, causesBeside)),
  ];
  if (causes.length > 0 && !isReplacing(record)) {
    return { status: 'degraded', causes };
  }
  if (isActive(record)) {
    return { status: 'progressing', causes };
  }
  return { status: 'healthy', causes };
}

function isActive({ rollout }: TargetRecord): boolean {
  return rollout !== undefined && rollout.phase !== 'finished';
}

/** What does not work and is stable's, or nobody's. */
function breaking(
  { stable }: TargetRecord,
  causes: Observed<TargetCause[]> | undefined,
): string[] {
  return causes && isKnown(causes)
    ? causes.known
        .filter(
          ({ level = 'error', generation = stable?.generation }) =>
            level === 'error' && generation === stable?.generation,
        )
        .map(({ summary }) => summary)
    : [];
}

/** A rolling update takes stable's instances away on purpose. */
function isReplacing(record: TargetRecord): boolean {
  const { rollout } = record;
  const type = rollout?.steps[rollout.stepIndex]?.step.type;
  return (
    rollout?.phase === 'stepping' && (type === 'roll' || type === 'delegate')
  );
}

function stableCauses(record: TargetRecord, state: WorkloadsState): string[] {
  if (!record.stable) {
    return [];
  }
  const { generation, replicas } = record.stable;
  const running = state.generations.find(g => g.generation === generation);
  const wanted = running?.wanted ?? replicas;
  const ready = running?.ready ?? 0;
  const causes: string[] = [];
  if (ready < wanted) {
    causes.push(`${ready} of ${wanted} instances are ready`);
  }
  for (const instance of running?.instances ?? []) {
    if (instance.cause && !causes.includes(instance.cause.summary)) {
      causes.push(instance.cause.summary);
    }
  }
  return causes;
}
