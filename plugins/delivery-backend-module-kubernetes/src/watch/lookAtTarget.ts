import { LoggerService } from '@backstage/backend-plugin-api';
import { InstanceState } from '@slipway/backstage-plugin-delivery-common';
import { ClusterAccess } from '../clusterAccess';
import {
  createCrashEvidence,
  HealthContext,
  Pod,
  PodOwner,
  readInstance,
} from '../health';
import { REVISION_ANNOTATION } from '../names';
import { DigestCheck, isPodOf } from '../workloads';
import { createAdoptedPods } from './adoptedPods';
import { ClusterWatch } from './clusterWatch';
import { progressOf } from './progress';
import { createCauseMemory, isYoung, targetCauses } from './targetCauses';
import { readTargetObjects } from './targetObjects';
import { Look } from './told';
import { wantedOf } from './wanted';

/**
 * What is seen of one target in the watch, with what has to be asked of others
 * and was learnt before: pods of Deployments from before us, digests, the last
 * lines of dead containers.
 */
export function createTargetLook(options: {
  cluster: ClusterAccess;
  watch: ClusterWatch;
  logger: LoggerService;
  digests: DigestCheck;
  /** Something was learnt about a target that is worth another look. */
  onLearnt(label: string): void;
  /** It may look different later without any change. */
  onUnsettled(label: string): void;
  signal: AbortSignal;
}): (label: string, namespace: string) => Look {
  const { cluster, watch, logger, digests, signal } = options;
  const { onLearnt, onUnsettled } = options;
  const memory = createCauseMemory();
  const evidence = createCrashEvidence({ client: cluster.client });
  const adopted = createAdoptedPods({
    client: cluster.client,
    onRead: onLearnt,
    onProblem: message => logger.debug(message),
    signal,
  });

  function learn(label: string, what: string, asked: Promise<unknown>) {
    asked.then(
      () => onLearnt(label),
      error => {
        if (!signal.aborted) {
          logger.debug(`${what}: ${error}`);
        }
      },
    );
  }

  /** Which digests belong together is asked of the registry once, not for each look. */
  function learnDigests(label: string, pods: Pod[], context: HealthContext) {
    const doubtful = pods
      .map(pod => ({ pod, instance: readInstance(pod, context) }))
      .find(({ pod, instance }) => digests.isNeeded(instance, pod));
    if (doubtful) {
      learn(
        label,
        'The digests of an image',
        digests.learn(doubtful.instance, doubtful.pod, signal),
      );
    }
  }

  return (label, namespace) => {
    const objects = readTargetObjects(watch, label, namespace);
    const nowMs = Date.now();
    const context = { ...objects, nowMs, lastLines: evidence.known };
    const others = adopted.of(label, objects.deployments);
    const ownerOf = (pod: Pod) =>
      objects.deployments.find(deployment => isPodOf(pod, deployment));
    const instances = [
      ...objects.pods.map(pod =>
        digests.glance(readInstance(pod, context), {
          pod,
          deployment: ownerOf(pod),
        }),
      ),
      ...others.map(({ pod, generation }) => ({
        ...readInstance(pod, context),
        generation,
      })),
    ].sort((a, b) => (a.startedAtMs ?? 0) - (b.startedAtMs ?? 0));
    learnDigests(label, objects.pods, context);
    if (evidence.isNeeded(objects.pods)) {
      // A dead container's last words come a moment later than its death.
      learn(
        label,
        'The log of a dead container',
        evidence.gather(objects.pods, signal),
      );
    }
    const { causes, again } = memory.settle(
      label,
      targetCauses(objects, {
        adoptedPods: others.map(({ pod }) => pod),
        instances,
        context,
        watches: watch.status(),
        namespace,
      }),
      nowMs,
    );
    if (again || instances.some(isUnexplained) || isYoung(objects, nowMs)) {
      onUnsettled(label);
    }
    const reflects = reflectedRevision(objects.deployments);
    return {
      state: { known: instances, observedAtMs: nowMs, reflects },
      progress: progressOf(objects),
      beside: {
        known: { causes, ...wantedOf(objects) },
        observedAtMs: nowMs,
        reflects,
      },
    };
  };
}

/** Not ready, and nobody can say why yet. */
function isUnexplained({ ready, cause, phase }: InstanceState): boolean {
  return !ready && !cause && phase !== 'stopping' && phase !== 'stopped';
}

/**
 * The newest revision that all Deployments of the target have, and that their
 * controller has taken up; 0 without any.
 */
function reflectedRevision(deployments: PodOwner[]): number {
  const revisions = deployments.flatMap(({ metadata, status }) => {
    const text = metadata.annotations?.[REVISION_ANNOTATION];
    const caughtUp =
      (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
    return text === undefined ? [] : [caughtUp ? Number(text) : 0];
  });
  return revisions.length > 0 ? Math.min(...revisions) : 0;
}
