import { causeOfRefusal } from './admission';
import { eventsAbout } from './events';
import { causeOfInstance } from './instance';
import { condition, isOwnedBy, Pod, PodOwner, timeMs } from './objects';
import { HealthContext, NamedCause } from './types';

/** A refusal that was not repeated for so long is over, or a new one would have come. */
const REFUSAL_HOLDS_MS = 20 * 60_000;

/** One generation's objects. */
export interface GenerationObjects {
  /** Absent: it was deleted. */
  deployment?: PodOwner;
  /** Those of the Deployment; of others are not looked at. */
  replicaSets?: readonly PodOwner[];
  /** Its pods only (by the label `slipway.dev/generation`). */
  pods: readonly Pod[];
}

/**
 * Why a generation does not have the ready instances that it should: what keeps
 * pods from being made, else what most of its pods suffer from, else what the
 * Deployment itself says. `undefined` when it has them, or when nothing is wrong
 * yet. Pure.
 */
export function causeOfGeneration(
  objects: GenerationObjects,
  context: HealthContext,
): NamedCause | undefined {
  const { deployment, pods } = objects;
  const wanted = deployment?.spec?.replicas ?? 0;
  const living = pods.filter(pod => !pod.metadata.deletionTimestamp);
  const ready = living.filter(
    pod => condition(pod, 'Ready')?.status === 'True',
  ).length;
  const refused =
    living.length < wanted ? refusalOf(objects, context) : undefined;
  if (refused) {
    return refused;
  }
  const ofPods = mostFrequent(
    living.flatMap(pod => causeOfInstance(pod, context) ?? []),
  );
  if (ofPods) {
    return ofPods;
  }
  return deployment && ready < wanted
    ? causeOfDeployment(deployment, context)
    : undefined;
}

function refusalOf(
  { deployment, replicaSets }: GenerationObjects,
  context: HealthContext,
): NamedCause | undefined {
  const failure = deployment && condition(deployment, 'ReplicaFailure');
  if (failure?.status === 'True' && failure.message) {
    return causeOfRefusal(
      failure.message,
      timeMs(failure.lastTransitionTime) ?? context.nowMs,
    );
  }
  // The condition comes and goes with each try; the events stay.
  const owned = (replicaSets ?? []).filter(
    set => !deployment || isOwnedBy(set, deployment),
  );
  const newest = owned
    .flatMap(set => eventsAbout(set, context.events))
    .filter(({ reason }) => reason === 'FailedCreate')
    .sort((a, b) => b.lastAtMs - a.lastAtMs)[0];
  return newest && context.nowMs - newest.lastAtMs < REFUSAL_HOLDS_MS
    ? causeOfRefusal(newest.message, newest.firstAtMs)
    : undefined;
}

/** The cause that most pods have; of equally frequent ones the oldest. */
export function mostFrequent(causes: NamedCause[]): NamedCause | undefined {
  const counts = new Map<string, NamedCause[]>();
  for (const cause of causes) {
    counts.set(cause.code, [...(counts.get(cause.code) ?? []), cause]);
  }
  const [leading] = [...counts.values()].sort(
    (a, b) => b.length - a.length || a[0].sinceMs - b[0].sinceMs,
  );
  return leading?.reduce((oldest, cause) =>
    cause.sinceMs < oldest.sinceMs ? cause : oldest,
  );
}

function causeOfDeployment(
  deployment: PodOwner,
  { nowMs }: HealthContext,
): NamedCause | undefined {
  const { name } = deployment.metadata;
  if (deployment.spec?.paused) {
    return {
      code: 'paused',
      summary: `The Deployment ${name} is paused in the cluster`,
      evidence: 'spec.paused is true',
      action: `Someone paused it by hand: kubectl rollout resume deployment/${name}`,
      sinceMs:
        timeMs(condition(deployment, 'Progressing')?.lastTransitionTime) ??
        nowMs,
    };
  }
  const progressing = condition(deployment, 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded') {
    return {
      code: 'progress-deadline',
      summary: `The Deployment ${name} has not got on within its progressDeadlineSeconds`,
      evidence: progressing.message,
      action:
        'See its pods and their logs; a slow start needs a longer deadline',
      sinceMs: timeMs(progressing.lastTransitionTime) ?? nowMs,
    };
  }
  return undefined;
}
