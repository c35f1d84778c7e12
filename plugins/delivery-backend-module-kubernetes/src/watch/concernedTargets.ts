import { KubeObject } from '../client';
import { Node, Pod } from '../health';
import { TARGET_LABEL } from '../names';
import { ClusterWatch, subjectUid, WatchedChange } from './clusterWatch';

const LABELLED_KINDS = [
  'Pod',
  'Deployment',
  'ReplicaSet',
  'HorizontalPodAutoscaler',
];

/** Which targets an object of the cluster is about, by their label. */
export interface ConcernedTargets {
  of(kind: string, object: KubeObject): string[];
  /** Remembers whose events belong to which target. */
  follow(change: WatchedChange): void;
}

/** Knows all that the watch knows already. */
export function createConcernedTargets(watch: ClusterWatch): ConcernedTargets {
  const uids = new Map<string, string>();

  function follow({ kind, before, after }: WatchedChange) {
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

  for (const label of watch.labels()) {
    for (const kind of LABELLED_KINDS) {
      for (const after of watch.labelled(kind, label)) {
        follow({ kind, after });
      }
    }
  }
  return {
    of(kind, object) {
      const label =
        kind === 'Event'
          ? uids.get(subjectUid(object) ?? '')
          : object.metadata.labels?.[TARGET_LABEL];
      return label === undefined ? [] : [label];
    },
    follow,
  };
}

/** Whether pods may be concerned; a node also writes how it is doing, often. */
export function isNodeChanged(before?: Node, after?: Node): boolean {
  const telling = (node?: Node) =>
    JSON.stringify([
      node?.spec,
      node?.status?.conditions?.map(({ type, status }) => [type, status]),
    ]);
  return telling(before) !== telling(after);
}

/** The labels of the targets that have pods on the node. */
export function labelsOnNode(watch: ClusterWatch, node?: KubeObject): string[] {
  const pods: Pod[] = watch.all('Pod');
  return pods.flatMap(({ metadata, spec }) =>
    spec?.nodeName === node?.metadata.name
      ? metadata.labels?.[TARGET_LABEL] ?? []
      : [],
  );
}
