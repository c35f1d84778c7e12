import {
  Drift,
  DriftView,
  EnvironmentView,
  GenerationRole,
  Hold,
  Observed,
  TargetRecord,
  WorkloadsState,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';

/** What a person can do about each kind of drift, whoever did it. */
const BY_HAND: Record<Drift['kind'], string> = {
  edited:
    'Take over to write again what was deployed, or put the change into the manifests',
  admission:
    'Have the admission leave it alone, or put the change into the manifests',
  copy: 'Delete it, or take our labels off it; it is not ours to delete',
};

/** What is not as it was deployed, from the record and from what runs. */
export function driftView(
  record: TargetRecord,
  workloads: Observed<WorkloadsState>,
  policy: { mode: EnvironmentView['drift']; hold?: Hold },
): DriftView {
  const {
    found = [],
    sinceMs = 0,
    repairs = [],
    repairing,
    left,
  } = record.drift ?? {};
  return {
    found: found.map(drifted => ({
      ...drifted,
      sinceMs: drifted.atMs ?? sinceMs,
      action: actionOn(drifted, record, policy),
    })),
    instances: otherBytes(record, workloads),
    repairedAtMs: repairs,
    ...(repairing && { repairingSinceMs: repairing.atMs }),
    ...(left && { left }),
  };
}

/** What a person can do about it. */
function byHand({ kind, by }: Drift): string {
  return kind === 'admission' && by
    ? `Have it leave this alone, or put the change into the manifests: ${by}`
    : BY_HAND[kind];
}

function actionOn(
  drifted: Drift,
  { drift }: TargetRecord,
  { mode, hold }: { mode: EnvironmentView['drift']; hold?: Hold },
): string {
  if (drift?.repairing) {
    return 'What was deployed is being written again';
  }
  if (drift?.left) {
    return [`Not put right by itself: ${drift.left.message}`, drift.left.action]
      .filter(Boolean)
      .join('. ');
  }
  if (mode === 'tell' || drifted.kind !== 'edited') {
    return byHand(drifted);
  }
  return hold
    ? `It is put right by itself when the hold is released. ${byHand(drifted)}`
    : 'It is put right by itself soon';
}

/** Instances that run other bytes than their generation's Plan names. */
function otherBytes(
  record: TargetRecord,
  workloads: Observed<WorkloadsState>,
): DriftView['instances'] {
  if (!isKnown(workloads)) {
    return [];
  }
  const roles = new Map<string, GenerationRole>();
  for (const role of [
    record.stable,
    record.rollout?.candidate,
    ...record.draining,
  ]) {
    if (role) {
      roles.set(role.generation, role);
    }
  }
  const drift: DriftView['instances'] = [];
  for (const generation of workloads.known.generations) {
    const role = roles.get(generation.generation);
    for (const instance of role ? generation.instances : []) {
      for (const [image, expected] of Object.entries(role?.digests ?? {})) {
        const found = instance.digests?.[image];
        if (found !== undefined && found !== expected) {
          drift.push({ instance: instance.id, image, expected, found });
        }
      }
    }
  }
  return drift;
}
