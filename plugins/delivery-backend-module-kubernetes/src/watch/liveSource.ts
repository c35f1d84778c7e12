import { createHash } from 'node:crypto';
import { LoggerService } from '@backstage/backend-plugin-api';
import {
  InstanceState,
  Observed,
  TargetRef,
  TargetSurroundings,
} from '@slipway/backstage-plugin-delivery-common';
import { LiveSource } from '@slipway/backstage-plugin-delivery-node';
import { ClusterAccess } from '../clusterAccess';
import { KubeObject } from '../client';
import { createDigestCheck, DigestCheck, isPodOf } from '../workloads';
import {
  createCrashEvidence,
  HealthContext,
  Node,
  Pod,
  PodOwner,
  readInstance,
} from '../health';
import { REVISION_ANNOTATION, TARGET_LABEL } from '../names';
import { createAdoptedPods } from './adoptedPods';
import { ClusterWatch, subjectUid, WatchedChange } from './clusterWatch';
import { newsOf, UntoldNews } from './news';
import { newsOfNode } from './nodeNews';
import { progressOf } from './progress';
import { followReplacements } from './replacements';
import { readTargetObjects } from './targetObjects';
import { createCauseMemory, isYoung, targetCauses } from './targetCauses';
import { wantedOf } from './wanted';
import { createTargetsOfLabels } from './targets';

/** Changes of one target within this time are told as one. */
const GATHER_MS = 20;
/** Some causes are known by time only: what is not well and not explained is looked at again. */
const LOOK_AGAIN_MS = 5_000;

/**
 * A cluster's instances, from its watch: the whole state of a target whenever
 * it changes, `unknown` while the watch is lost.
 */
export function createLiveSource(options: {
  cluster: ClusterAccess;
  watch: ClusterWatch;
  logger: LoggerService;
  /** Tells what pods really run; shared with those who decide by it. */
  digests?: DigestCheck;
}): LiveSource {
  const { cluster, watch, logger, digests = createDigestCheck() } = options;

  return {
    watch(onChange, signal, onNews, onSurroundings) {
      const dirty = new Set<string>();
      /** What was told last, by label. */
      const told = new Map<string, string>();
      const toldBeside = new Map<string, string>();
      const memory = createCauseMemory();
      const evidence = createCrashEvidence({ client: cluster.client });
      const unexplained = new Set<string>();
      const adopted = createAdoptedPods({
        client: cluster.client,
        onRead: label => mark([label]),
        onProblem: message => logger.debug(message),
        signal,
      });
      let timer: NodeJS.Timeout | undefined;
      let again: NodeJS.Timeout | undefined;
      let lost = lostKinds(watch);

      const targets = createTargetsOfLabels({
        cluster,
        watch,
        logger,
        onFound: label => mark([label]),
      });

      /** Tells what differs from what was told last. */
      function tell(label: string, target: TargetRef, seen: Look) {
        const { state, beside, progress } = seen;
        // A rollout may wait for what changes no instance, and looks then.
        if (isNews(told, label, state, progress)) {
          onChange(target, state);
        }
        if (onSurroundings && isNews(toldBeside, label, beside)) {
          onSurroundings(target, beside);
        }
      }

      function flush() {
        timer = undefined;
        if (signal.aborted) {
          return;
        }
        const labels = [...dirty];
        dirty.clear();
        for (const label of labels) {
          const located = targets.find(label);
          if (!located) {
            continue;
          }
          const trouble = watch.lost(located.namespace);
          if (trouble) {
            const { reason: unknown, sinceMs } = trouble;
            const lostState = { unknown, sinceMs };
            tell(label, located.target, {
              state: lostState,
              beside: lostState,
            });
          } else {
            tell(label, located.target, look(label, located.namespace));
          }
        }
        if (unexplained.size > 0) {
          again ??= setTimeout(() => {
            again = undefined;
            const labelsAgain = [...unexplained];
            unexplained.clear();
            mark(labelsAgain);
          }, LOOK_AGAIN_MS);
        }
      }

      /** Which digests belong together is asked of the registry once, not for each look. */
      function learnDigests(
        label: string,
        pods: Pod[],
        context: HealthContext,
      ) {
        const doubtful = pods
          .map(pod => ({ pod, instance: readInstance(pod, context) }))
          .find(({ pod, instance }) => digests.isNeeded(instance, pod));
        if (doubtful) {
          digests.learn(doubtful.instance, doubtful.pod, signal).then(
            () => mark([label]),
            error => {
              if (!signal.aborted) {
                logger.debug(`The digests of an image: ${error}`);
              }
            },
          );
        }
      }

      function look(label: string, namespace: string): Look {
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
        if (
          instances.some(
            ({ ready, cause, phase }) =>
              !ready && !cause && phase !== 'stopping' && phase !== 'stopped',
          )
        ) {
          unexplained.add(label);
        }
        learnDigests(label, objects.pods, context);
        if (evidence.isNeeded(objects.pods)) {
          // A dead container's last words come a moment later than its death.
          evidence.gather(objects.pods, signal).then(
            () => mark([label]),
            error => {
              if (!signal.aborted) {
                logger.debug(`The log of a dead container: ${error}`);
              }
            },
          );
        }
        const { causes, again: later } = memory.settle(
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
        if (later || isYoung(objects, nowMs)) {
          unexplained.add(label);
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
      }

      function mark(labels: Iterable<string>) {
        for (const label of labels) {
          dirty.add(label);
        }
        if (dirty.size > 0 && !signal.aborted) {
          timer ??= setTimeout(flush, GATHER_MS);
        }
      }

      const uids = new Map<string, string>();
      function labelsOf(kind: string, object: KubeObject): string[] {
        if (kind === 'Event') {
          const label = uids.get(subjectUid(object) ?? '');
          return label === undefined ? [] : [label];
        }
        const label = object.metadata.labels?.[TARGET_LABEL];
        return label === undefined ? [] : [label];
      }

      function tellNews(label: string, news: UntoldNews) {
        const located = targets.find(label);
        if (located) {
          onNews?.({ ...news, target: located.target });
        }
      }
      /** A node is no target's: each that has pods there hears of it. */
      function tellOfNode({ kind, before, after }: WatchedChange) {
        const node = after ?? before;
        if (kind !== 'Node' || !node || !nodeChanged(before, after)) {
          return;
        }
        for (const label of new Set(labelsOnNode(watch, node))) {
          const pods = (watch.labelled('Pod', label) as Pod[]).filter(
            ({ spec }) => spec?.nodeName === node.metadata.name,
          );
          const news = newsOfNode({ before, after }, pods);
          if (news) {
            tellNews(label, news);
          }
        }
      }
      const noteReplacement = followReplacements(watch, tellNews, signal);

      const stops = [
        watch.onChange(changes => {
          for (const change of onNews ? changes : []) {
            tellOfNode(change);
            const object = change.after ?? change.before;
            const [label] = object ? labelsOf(change.kind, object) : [];
            if (label !== undefined) {
              newsOf(change).forEach(news => tellNews(label, news));
              noteReplacement(change);
            }
          }
          for (const { kind, before, after } of changes) {
            if (kind === 'Node' && nodeChanged(before, after)) {
              mark(labelsOnNode(watch, before ?? after));
            }
            for (const object of [before, after]) {
              if (object) {
                mark(labelsOf(kind, object));
              }
            }
            follow(uids, kind, before, after);
          }
        }),
        watch.onStatus(() => {
          const now = lostKinds(watch);
          if (now !== lost) {
            lost = now;
            mark(new Set([...told.keys(), ...watch.labels()]));
          }
        }),
      ];
      signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          clearTimeout(again);
          stops.forEach(stop => stop());
        },
        { once: true },
      );
      watch.start(signal);
      for (const label of watch.labels()) {
        for (const kind of [
          'Pod',
          'Deployment',
          'ReplicaSet',
          'HorizontalPodAutoscaler',
        ]) {
          for (const object of watch.labelled(kind, label)) {
            follow(uids, kind, undefined, object);
          }
        }
      }
      mark(watch.labels());
    },
  };
}

/** The kinds that are not seen, as a text to compare. */
function lostKinds(watch: ClusterWatch): string {
  return watch
    .status()
    .filter(({ status }) => status.state === 'lost')
    .map(({ kind, namespace }) => `${namespace ?? ''}/${kind}`)
    .join();
}

/** What is seen of one target. */
interface Look {
  state: Observed<InstanceState[]>;
  beside: Observed<TargetSurroundings>;
  progress?: unknown;
}

/** Whether it says something else than what was told last; by a hash, as there may be many. */
function isNews<T>(
  told: Map<string, string>,
  label: string,
  state: Observed<T>,
  more?: unknown,
): boolean {
  const hash = createHash('sha256')
    .update(
      JSON.stringify(
        'known' in state ? [state.known, state.reflects, more] : state,
      ),
    )
    .digest('base64');
  const differs = told.get(label) !== hash;
  told.set(label, hash);
  return differs;
}

/** Remembers whose events belong to which target. */
function follow(
  uids: Map<string, string>,
  kind: string,
  before?: KubeObject,
  after?: KubeObject,
) {
  if (kind === 'Event' || kind === 'Node') {
    return;
  }
  const uid = after?.metadata.uid;
  const label = after?.metadata.labels?.[TARGET_LABEL];
  if (uid && label !== undefined) {
    uids.set(uid, label);
  }
  if (before?.metadata.uid && before.metadata.uid !== uid) {
    uids.delete(before.metadata.uid);
  }
}

/** Whether pods may be concerned; a node also writes how it is doing, often. */
function nodeChanged(before?: Node, after?: Node): boolean {
  const telling = (node?: Node) =>
    JSON.stringify([
      node?.spec,
      node?.status?.conditions?.map(({ type, status }) => [type, status]),
    ]);
  return telling(before) !== telling(after);
}

/** The labels of the targets that have pods on the node. */
function labelsOnNode(watch: ClusterWatch, node?: KubeObject): string[] {
  const pods: Pod[] = watch.all('Pod');
  return pods.flatMap(({ metadata, spec }) =>
    spec?.nodeName === node?.metadata.name
      ? metadata.labels?.[TARGET_LABEL] ?? []
      : [],
  );
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
