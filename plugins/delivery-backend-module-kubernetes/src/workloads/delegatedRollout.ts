import {
  DelegatedState,
  Observed,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { DelegatedRollout } from '@slipway/backstage-plugin-delivery-node';
import { fencedApply, fencedPatch } from '../apply';
import { KubeApiError, KubeUnreachableError, refOf } from '../client';
import { ClusterAccess } from '../clusterAccess';
import { createCrashEvidence, CrashEvidence, PodOwner } from '../health';
import {
  EPOCH_ANNOTATION,
  GENERATION_LABEL,
  REVISION_ANNOTATION,
  RUN_ANNOTATION,
} from '../names';
import { mapping, readPlan } from '../plan';
import { generationDeployment } from './deploymentManifest';
import { reflectedRevision } from './observeWorkloads';
import { lowerStrategy } from './lowerStrategy';
import { readDeployments, readPods } from './readTarget';
import { readRollout } from './rolloutState';
import { scaledNow, scaleOf } from './scale';
import { ensureServices } from './services';
import { assertNotOlder, openSession } from './session';

/**
 * Rolling deployments, which Kubernetes' own Deployment controller leads in the
 * Deployment that the Plan names.
 */
export function createDelegatedRollout(options: {
  cluster: ClusterAccess;
  /** What is only looked at is read here; see `shareLists`. Default: `cluster`. */
  seen?: ClusterAccess;
}): DelegatedRollout {
  const { cluster, seen = cluster } = options;
  const evidence = createCrashEvidence({ client: cluster.client });
  return {
    leader: 'Kubernetes',
    lower: lowerStrategy,
    async start(target, fence, run, signal) {
      const { key, generation, plan, replicas, program, paused } = run;
      const kubePlan = readPlan(plan);
      const session = await openSession(cluster, target, fence, signal);
      const { context, deployments } = session;
      const { name } = kubePlan.workload.metadata;
      const current = deployments.find(
        ({ object }) => object.metadata.name === name,
      )?.object;
      if (current?.metadata.annotations?.[RUN_ANNOTATION] === key) {
        // Nothing but this, so that what somebody changed since is seen as that.
        await fencedPatch(
          context,
          refOf(current),
          () => ({
            metadata: {
              annotations: {
                [EPOCH_ANNOTATION]: String(fence.epoch),
                [REVISION_ANNOTATION]: String(fence.revision),
              },
            },
            spec: { paused },
          }),
          { existing: current },
        );
        return;
      }
      if (deployments.length === 0) {
        await assertNotOlder(session);
      }
      await ensureServices(context, kubePlan, generation);
      const { client, namespace } = context;
      const scaled = await scaledNow(client, kubePlan, namespace, signal);
      const wish = { generation, plan, track: 'canary', replicas };
      await fencedApply(
        context,
        { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace },
        (existing: PodOwner | undefined) =>
          generationDeployment({
            kubePlan,
            target,
            namespace,
            wish,
            scale: scaleOf({
              wish,
              kubePlan,
              name,
              existing,
              scaled,
              deployments,
            }),
            inPlace: {
              run: key,
              paused,
              strategy: {
                type: 'RollingUpdate',
                rollingUpdate: mapping(program.rollingUpdate),
              },
              progressDeadlineSeconds: deadlineSeconds(
                run.progressDeadlineMs,
                kubePlan.workload.spec.minReadySeconds,
              ),
            },
          }),
        { existing: current },
      );
    },
    observe: (target, signal) => observe(seen, evidence, target, signal),
  };
}

/** The API server wants the deadline to be longer than `minReadySeconds`. */
function deadlineSeconds(deadlineMs: number, minReady: unknown): number {
  const least = typeof minReady === 'number' ? minReady + 1 : 1;
  return Math.max(least, Math.ceil(deadlineMs / 1000));
}

async function observe(
  { client, namespaceOf }: ClusterAccess,
  evidence: CrashEvidence,
  target: TargetRef,
  signal: AbortSignal,
): Promise<Observed<DelegatedState | undefined>> {
  try {
    const namespace = await namespaceOf(target);
    // Both at once, as whoever looks at the workloads in this moment does.
    const [deployments, labelled] = await Promise.all([
      readDeployments(client, target, namespace, signal),
      readPods(client, target, namespace, signal),
    ]);
    const observedAtMs = Date.now();
    const found = deployments.find(
      ({ inPlace, object }) =>
        inPlace && object.metadata.annotations?.[RUN_ANNOTATION] !== undefined,
    );
    if (!found) {
      return { known: undefined, observedAtMs, reflects: 0 };
    }
    const pods = labelled.filter(
      ({ metadata }) =>
        metadata.labels?.[GENERATION_LABEL] === found.generation,
    );
    const lastLines = await evidence.gather(pods, signal);
    return {
      known: readRollout(found.object, pods, {
        nowMs: observedAtMs,
        lastLines,
      }),
      observedAtMs,
      reflects: reflectedRevision(found),
    };
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
