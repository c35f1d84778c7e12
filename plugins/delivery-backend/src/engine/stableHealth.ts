import {
  isKnown,
  Observed,
  TargetRecord,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';

/**
 * Since when stable is seen whole. An instance that restarted or was replaced
 * between two looks begins the time anew. An observation that is unknown says
 * nothing; whoever opens a gate looks again before.
 */
export function updateStableHealth(
  record: Pick<TargetRecord, 'stable' | 'desired' | 'stableHealth'>,
  workloads: Observed<WorkloadsState>,
  nowMs: number,
): TargetRecord['stableHealth'] {
  const { stable, desired } = record;
  if (!stable) {
    return undefined;
  }
  const before =
    record.stableHealth?.generation === stable.generation
      ? record.stableHealth
      : undefined;
  if (!isKnown(workloads)) {
    return before;
  }
  const state = workloads.known.generations.find(
    ({ generation }) => generation === stable.generation,
  );
  const wanted =
    desired.generations.find(
      ({ generation }) => generation === stable.generation,
    )?.replicas ?? stable.replicas;
  const restarts = (state?.instances ?? []).reduce(
    (sum, instance) => sum + instance.restarts,
    0,
  );
  const healthy =
    state !== undefined &&
    wanted > 0 &&
    state.ready >= wanted &&
    state.instances.every(
      ({ ready, phase }) =>
        ready || phase === 'stopping' || phase === 'stopped',
    );
  if (!healthy) {
    return { generation: stable.generation, restarts };
  }
  const unbroken = before !== undefined && before.restarts === restarts;
  return {
    generation: stable.generation,
    restarts,
    healthySinceMs: (unbroken ? before.healthySinceMs : undefined) ?? nowMs,
  };
}
