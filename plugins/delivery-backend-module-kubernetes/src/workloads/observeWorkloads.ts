import {
  GenerationState,
  InstanceState,
  Observed,
  TargetRef,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';
import { readTargetState, revisionOf } from '../apply';
import { isForbidden, KubeApiError, KubeUnreachableError } from '../client';
import { ClusterAccess } from '../clusterAccess';
import {
  causeOfGeneration,
  CrashEvidence,
  HealthContext,
  Pod,
  readInstance,
} from '../health';
import {
  GENERATION_LABEL,
  PLAN_ANNOTATION,
  REPLICAS_ANNOTATION,
  SCALED_ANNOTATION,
} from '../names';
import { fitOf } from './basis';
import { parseScale } from './deploymentManifest';
import { copyDrift } from './drift';
import { createDriftAdmissions, DriftAdmissions } from './driftAdmissions';
import { driftOf } from './driftOf';
import { createDigestCheck, DigestCheck } from './digests';
import {
  isPodOf,
  LiveDeployment,
  readAdoptedPods,
  readAllDeployments,
  readPods,
} from './readTarget';

export interface ObserveOptions {
  cluster: ClusterAccess;
  evidence: CrashEvidence;
  digests?: DigestCheck;
  /** Names what changes objects on their way in. */
  admissions?: DriftAdmissions;
}

/**
 * What runs of a target: generations from its Deployments, instances from its
 * pods. `reflects` is the smallest revision among the Deployments that are
 * ours; one counts only when the Deployment controller has seen it as it is,
 * and what its size was reckoned from is still so.
 */
export async function observeWorkloads(
  options: ObserveOptions,
  target: TargetRef,
  signal: AbortSignal,
): Promise<Observed<WorkloadsState>> {
  try {
    return await look(options, target, signal);
  } catch (error) {
    if (
      error instanceof KubeApiError ||
      error instanceof KubeUnreachableError
    ) {
      return { unknown: error.message, sinceMs: Date.now() };
    }
    throw error;
  }
}

async function look(
  options: ObserveOptions,
  target: TargetRef,
  signal: AbortSignal,
): Promise<Observed<WorkloadsState>> {
  const { cluster, evidence, digests = createDigestCheck() } = options;
  const { client } = cluster;
  const { admissions = createDriftAdmissions(client) } = options;
  const namespace = await cluster.namespaceOf(target);
  const [{ ours: all, copies }, everyPod] = await Promise.all([
    readAllDeployments(client, target, namespace, signal),
    readPods(client, target, namespace, signal),
  ]);
  // Pods of a copy are nobody's instances: what is ours must not be taken for whole by them.
  const labelled = everyPod.filter(
    pod => !copies.some(({ object }) => isPodOf(pod, object)),
  );
  const observedAtMs = Date.now();
  const deployments = all.filter(
    ({ object }) => !object.metadata.deletionTimestamp,
  );
  const serving = deployments.filter(
    ({ role, object }) =>
      role === 'workload' || (object.spec?.replicas ?? 1) > 0,
  );
  const context: HealthContext = {
    nowMs: observedAtMs,
    lastLines: await evidence.gather(labelled, signal),
  };
  const groups = await Promise.all(
    serving.map(async deployment => ({
      deployment,
      pods:
        deployment.role === 'adopted'
          ? await readAdoptedPods(client, deployment, signal)
          : labelled.filter(
              pod =>
                generationOf(pod) === deployment.generation &&
                (!deployment.inPlace || isPodOf(pod, deployment.object)),
            ),
    })),
  );
  const states = await Promise.all(
    groups.map(({ deployment, pods }) =>
      stateOf(deployment, pods, { context, digests }, signal),
    ),
  );
  const ours = serving.filter(({ role }) => role === 'workload');
  const drift = [
    ...(
      await Promise.all(
        ours.map(({ object, generation }) =>
          driftOf(
            object,
            mismatchesOf(states, generation),
            admissions,
            namespace,
            signal,
          ),
        ),
      )
    ).flat(),
    ...copies.map(({ object }) => copyDrift(object)),
  ];
  return {
    known: {
      generations: [...states, ...replacedInPlace(ours, labelled, context)],
      ...(drift.length > 0 && { drift }),
    },
    observedAtMs,
    reflects:
      ours.length > 0
        ? Math.min(...ours.map(deployment => revisionInForce(deployment, ours)))
        : await writtenRevision(cluster, target, namespace, signal),
  };
}

/**
 * The last revision of a target of which nothing runs. With its namespace our
 * rights there are deleted too: what runs was seen, and of our writes nothing
 * may be concluded.
 */
async function writtenRevision(
  { client }: ClusterAccess,
  target: TargetRef,
  namespace: string,
  signal: AbortSignal,
): Promise<number> {
  try {
    const state = await readTargetState(client, target, namespace, signal);
    return state.revision;
  } catch (error) {
    if (isForbidden(error)) {
      return 0;
    }
    throw error;
  }
}

/** Instances of a generation that are known to run other bytes than its Plan's. */
function mismatchesOf(states: GenerationState[], generation: string): number {
  return states
    .filter(state => state.generation === generation)
    .flatMap(({ instances }) => instances)
    .filter(
      ({ cause, phase }) =>
        cause?.code === 'image-mismatch' && phase !== 'stopping',
    ).length;
}

function generationOf({ metadata }: Pod): string | undefined {
  return metadata.labels?.[GENERATION_LABEL];
}

/** The revision of ours that the Deployment controller has acted on, at least. */
export function reflectedRevision({ object }: LiveDeployment): number {
  const revision = revisionOf(object);
  const seen = object.status?.observedGeneration ?? 0;
  return seen >= (object.metadata.generation ?? 0) ? revision : revision - 1;
}

/**
 * The same, as long as its size is what goes with what runs beside it. One that
 * gets too much has to be written again before all else, also right after it
 * was written: so that looks like no other state of it.
 */
function revisionInForce(
  deployment: LiveDeployment,
  ours: LiveDeployment[],
): number {
  switch (fitOf(deployment, ours)) {
    case 'right':
      return reflectedRevision(deployment);
    case 'too-large':
      return 0;
    default:
      return revisionOf(deployment.object) - 1;
  }
}

async function stateOf(
  { object, generation, role }: LiveDeployment,
  pods: Pod[],
  { context, digests }: { context: HealthContext; digests: DigestCheck },
  signal: AbortSignal,
): Promise<GenerationState> {
  const given = object.spec?.replicas ?? 1;
  const instances = await Promise.all(
    pods.map(pod =>
      digests.check(
        { ...readInstance(pod, context), generation },
        { pod, deployment: object },
        signal,
      ),
    ),
  );
  const ready = instances.filter(instance => instance.ready).length;
  const cause =
    causeOfGeneration({ deployment: object, pods }, context) ??
    instances.find(instance => instance.cause?.code === 'image-mismatch')
      ?.cause;
  return {
    generation,
    planId: object.metadata.annotations?.[PLAN_ANNOTATION] ?? role,
    ...counted(object.metadata.annotations, given, ready),
    instances,
    ...(role === 'adopted' && { adopted: true as const }),
    ...(cause && { cause }),
  };
}

/**
 * The engine counts in instances that its Plan asks for. Where a scaler runs
 * more of them, or we gave a canary more beside a scaled stable, the numbers are
 * brought back to that; where somebody else has scaled, they are as they are.
 */
function counted(
  annotations: Record<string, string> | undefined,
  given: number,
  ready: number,
): { wanted: number; ready: number } {
  const scale = parseScale(annotations?.[REPLICAS_ANNOTATION]);
  if (!scale || scale.given === 0) {
    return { wanted: given, ready };
  }
  if (annotations?.[SCALED_ANNOTATION]) {
    // Fewer than the Plan asks for, and all of them ready, is whole as well.
    const inPlan = Math.floor((ready * scale.asked) / Math.max(1, given));
    return {
      wanted: scale.asked,
      ready: Math.min(scale.asked, Math.max(ready, inPlan)),
    };
  }
  return scale.given === given
    ? {
        wanted: scale.asked,
        ready: Math.min(
          scale.asked,
          Math.floor((ready * scale.asked) / scale.given),
        ),
      }
    : { wanted: given, ready };
}

/** Generations that the Deployment in place is replacing: pods only are left of them. */
function replacedInPlace(
  ours: LiveDeployment[],
  pods: Pod[],
  context: HealthContext,
): GenerationState[] {
  const named = new Set(ours.map(({ generation }) => generation));
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    const generation = generationOf(pod);
    const isInPlace = ours.some(
      ({ inPlace, object }) => inPlace && isPodOf(pod, object),
    );
    if (
      generation &&
      isInPlace &&
      !named.has(generation) &&
      !pod.metadata.deletionTimestamp
    ) {
      groups.set(generation, [...(groups.get(generation) ?? []), pod]);
    }
  }
  return [...groups].map(([generation, members]) => {
    const instances: InstanceState[] = members.map(pod =>
      readInstance(pod, context),
    );
    return {
      generation,
      planId: members[0].metadata.annotations?.[PLAN_ANNOTATION] ?? 'replaced',
      wanted: members.length,
      ready: instances.filter(({ ready }) => ready).length,
      instances,
    };
  });
}
