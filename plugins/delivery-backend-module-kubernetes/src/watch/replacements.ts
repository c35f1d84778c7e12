import { Pod, PodOwner, timeMs } from '../health';
import { GENERATION_LABEL, TARGET_LABEL } from '../names';
import { ClusterWatch, WatchedChange } from './clusterWatch';
import { UntoldNews } from './news';

/** Pods, their ReplicaSet and its Deployment come by three watches: so long until all have told. */
const SETTLE_MS = 2_000;

/**
 * Pods that went although their ReplicaSet did not want fewer: somebody deleted
 * them, and Kubernetes makes others. A pod that had to go for a reason that it
 * names itself is no such news: see `newsOf`.
 */
export function followReplacements(
  watch: ClusterWatch,
  onNews: (label: string, news: UntoldNews) => void,
  signal: AbortSignal,
): (change: WatchedChange) => void {
  const timers = new Set<NodeJS.Timeout>();
  signal.addEventListener('abort', () => timers.forEach(clearTimeout), {
    once: true,
  });

  function look(pod: Pod, label: string, ownerUid: string, atMs: number) {
    const sets: PodOwner[] = watch.labelled('ReplicaSet', label);
    const set = sets.find(({ metadata }) => metadata.uid === ownerUid);
    const wanted = set?.spec?.replicas ?? 0;
    const others = watch
      .labelled('Pod', label)
      .filter(
        ({ metadata }) =>
          ownerOf({ metadata }) === ownerUid &&
          metadata.uid !== pod.metadata.uid &&
          !metadata.deletionTimestamp,
      );
    // The one that takes its place may be there already; it is younger, or of
    // the same second.
    const older = others.filter(
      ({ metadata }) => Date.parse(metadata.creationTimestamp ?? '') < atMs,
    ).length;
    if (set && !set.metadata.deletionTimestamp && older < wanted) {
      const generation = pod.metadata.labels?.[GENERATION_LABEL];
      onNews(label, {
        key: `replaced/${pod.metadata.uid}`,
        atMs,
        type: 'instance-replaced',
        level: 'info',
        message: `${pod.metadata.name} was deleted; another instance takes its place`,
        ...(generation && { generation }),
      });
    }
  }

  return ({ kind, before, after }) => {
    const pod: Pod | undefined = after ?? before;
    const label = pod?.metadata.labels?.[TARGET_LABEL];
    const owner = pod && ownerOf(pod);
    const goes =
      kind === 'Pod' &&
      before &&
      !before.metadata.deletionTimestamp &&
      (!after || after.metadata.deletionTimestamp);
    if (!goes || !pod || !label || !owner || isDisrupted(pod)) {
      return;
    }
    const atMs = deletedAtMs(pod);
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!signal.aborted) {
        look(pod, label, owner, atMs);
      }
    }, SETTLE_MS);
    timer.unref();
    timers.add(timer);
  };
}

/** By the clock of the API server, which also tells when pods were made; whole seconds. */
function deletedAtMs({ metadata }: Pod): number {
  const { deletionTimestamp, deletionGracePeriodSeconds: grace } = metadata;
  const endsAtMs = timeMs(deletionTimestamp);
  return endsAtMs === undefined
    ? Math.floor(Date.now() / 1_000) * 1_000
    : endsAtMs - (typeof grace === 'number' ? grace : 0) * 1_000;
}

function ownerOf({ metadata }: Pick<Pod, 'metadata'>): string | undefined {
  return metadata.ownerReferences?.find(({ kind }) => kind === 'ReplicaSet')
    ?.uid;
}

function isDisrupted({ status }: Pod): boolean {
  return Boolean(
    status?.conditions?.some(
      ({ type, status: value }) =>
        type === 'DisruptionTarget' && value === 'True',
    ) || ['Failed', 'Succeeded'].includes(status?.phase ?? ''),
  );
}
