import { LoggerService } from '@backstage/backend-plugin-api';
import { ClusterAccess } from '../clusterAccess';
import { KubeObject } from '../client';
import { TARGET_LABEL } from '../names';
import { keyOf, ObjectTable, TableChange } from './objectTable';
import { DEFAULT_TIMING, WatchTiming } from './timing';
import { watchKind, WatchStatus } from './kindWatch';
import { WATCHED_KINDS, WatchedKind } from './watchedKinds';

/** A change of one object. */
export interface WatchedChange extends TableChange {
  kind: string;
}

/** The state of one watch, for the page that says what is missing. */
export interface KindStatus {
  apiVersion: string;
  kind: string;
  namespace?: string;
  status: WatchStatus;
  objects: number;
}

/**
 * What a cluster has of our targets, kept by one watch for each kind, whatever
 * number of readers there are: reading it costs the cluster nothing.
 *
 * It is for showing and explaining. What is decided or written is read from the
 * API, so that a cache that is behind can never undo a write of ours.
 */
export interface ClusterWatch {
  /** Begins to watch; ends with the signal. Further calls do nothing. */
  start(signal: AbortSignal): void;
  /** The objects of one kind that carry this target label. */
  labelled(kind: string, label: string): KubeObject[];
  /** All that is kept of a kind that belongs to no target: nodes. */
  all(kind: string): KubeObject[];
  /** Events about the objects with these uids. */
  eventsAbout(uids: ReadonlySet<string>): KubeObject[];
  /** The target labels that are known. */
  labels(): string[];
  /**
   * `undefined`: what is required is current, anywhere or for this namespace.
   * Else why it is not, since when.
   */
  lost(within?: string): { reason: string; sinceMs: number } | undefined;
  status(): KindStatus[];
  /** Objects changed. Returns how to be told no more. */
  onChange(listener: (changes: WatchedChange[]) => void): () => void;
  /** What is required got lost, or came back. */
  onStatus(listener: () => void): () => void;
}

export interface ClusterWatchOptions {
  cluster: Pick<ClusterAccess, 'name' | 'client'>;
  logger: LoggerService;
  /**
   * Where the rights of a whole cluster are not given: one watch for each kind
   * and namespace. Absent: one for each kind.
   */
  namespaces?: string[];
  kinds?: WatchedKind[];
  timing?: Partial<WatchTiming>;
  random?: () => number;
}

interface Entry {
  kind: WatchedKind;
  namespace?: string;
  table: ObjectTable;
  status: WatchStatus;
}

export function createClusterWatch(options: ClusterWatchOptions): ClusterWatch {
  const { cluster, logger, kinds = WATCHED_KINDS, namespaces } = options;
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const changeListeners = new Set<(changes: WatchedChange[]) => void>();
  const statusListeners = new Set<() => void>();
  /** Label value to kind to key to object. */
  const byLabel = new Map<string, Map<string, Map<string, KubeObject>>>();
  /** Uid of what an event is about, to the events. */
  const eventsByUid = new Map<string, Map<string, KubeObject>>();
  const sinceMs = Date.now();
  const entries: Entry[] = kinds.flatMap(kind =>
    (kind.clusterScoped || !namespaces ? [undefined] : namespaces).map(
      namespace => ({
        kind,
        namespace,
        table: new ObjectTable({
          slim: kind.slim,
          maxObjects: kind.maxObjects,
        }),
        status: {
          state: 'lost' as const,
          reason: 'It has not been read yet',
          sinceMs,
        },
      }),
    ),
  );
  let started = false;

  function index(kind: string, { before, after }: TableChange) {
    if (kind === 'Event') {
      indexEvent(before, false);
      indexEvent(after, true);
      return;
    }
    const was = before?.metadata.labels?.[TARGET_LABEL];
    if (before && was !== undefined) {
      const ofLabel = byLabel.get(was);
      ofLabel?.get(kind)?.delete(keyOf(before));
      if (ofLabel && [...ofLabel.values()].every(({ size }) => size === 0)) {
        byLabel.delete(was);
      }
    }
    const is = after?.metadata.labels?.[TARGET_LABEL];
    if (after && is !== undefined) {
      const ofLabel =
        byLabel.get(is) ?? new Map<string, Map<string, KubeObject>>();
      byLabel.set(is, ofLabel);
      const ofKind = ofLabel.get(kind) ?? new Map<string, KubeObject>();
      ofLabel.set(kind, ofKind);
      ofKind.set(keyOf(after), after);
    }
  }

  function indexEvent(event: KubeObject | undefined, add: boolean) {
    const uid = event && subjectUid(event);
    if (!event || !uid) {
      return;
    }
    const of = eventsByUid.get(uid) ?? new Map<string, KubeObject>();
    if (add) {
      eventsByUid.set(uid, of.set(keyOf(event), event));
    } else if (of.delete(keyOf(event)) && of.size === 0) {
      eventsByUid.delete(uid);
    }
  }

  function onChanges({ kind }: Entry, changes: TableChange[]) {
    for (const change of changes) {
      index(kind.kind, change);
    }
    const told = changes.map(change => ({ ...change, kind: kind.kind }));
    for (const listener of changeListeners) {
      listener(told);
    }
  }

  function onStatus(entry: Entry, status: WatchStatus) {
    entry.status = status;
    const of = entry.namespace ? ` in ${entry.namespace}` : '';
    if (status.state === 'lost') {
      logger.warn(
        `Cluster ${cluster.name}: the watch of ${entry.kind.kind}${of} is lost: ${status.reason}`,
      );
    } else {
      logger.debug(
        `Cluster ${cluster.name}: the watch of ${entry.kind.kind}${of} is ${status.state}`,
      );
    }
    for (const listener of statusListeners) {
      listener();
    }
  }

  function run(entry: Entry, signal: AbortSignal) {
    watchKind(
      {
        client: cluster.client,
        kind: entry.kind,
        namespace: entry.namespace,
        table: entry.table,
        timing,
        random: options.random,
        onChanges: changes => onChanges(entry, changes),
        onStatus: status => onStatus(entry, status),
        onProblem: message =>
          logger.debug(`Cluster ${cluster.name}: ${message}`),
      },
      signal,
    ).catch(error => {
      const reason = error instanceof Error ? error.message : String(error);
      onStatus(entry, { state: 'lost', reason, sinceMs: Date.now() });
    });
  }

  return {
    start(signal) {
      if (started || signal.aborted) {
        return;
      }
      started = true;
      for (const entry of entries) {
        run(entry, signal);
      }
    },
    labelled(kind, label) {
      return [...(byLabel.get(label)?.get(kind)?.values() ?? [])];
    },
    all(kind) {
      return entries
        .filter(entry => entry.kind.kind === kind)
        .flatMap(({ table }) => [...table.values()]);
    },
    eventsAbout(uids) {
      return [...uids].flatMap(uid => [
        ...(eventsByUid.get(uid)?.values() ?? []),
      ]);
    },
    labels: () => [...byLabel.keys()],
    lost(within) {
      for (const { kind, namespace, status } of entries) {
        const isAbout =
          within === undefined ||
          namespace === undefined ||
          namespace === within;
        if (isAbout && kind.required && status.state !== 'current') {
          const reason =
            status.state === 'lost'
              ? status.reason
              : `the cluster does not serve ${kind.apiVersion} ${kind.kind}`;
          return {
            reason: `The watch of ${kind.kind}${
              namespace ? ` in ${namespace}` : ''
            } on cluster ${cluster.name} is lost: ${reason}`,
            sinceMs: status.sinceMs,
          };
        }
      }
      return undefined;
    },
    status: () =>
      entries.map(({ kind, namespace, table, status }) => ({
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        ...(namespace && { namespace }),
        status,
        objects: table.size,
      })),
    onChange(listener) {
      changeListeners.add(listener);
      return () => {
        changeListeners.delete(listener);
      };
    },
    onStatus(listener) {
      statusListeners.add(listener);
      return () => {
        statusListeners.delete(listener);
      };
    },
  };
}

/** The uid of what an event is about. */
export function subjectUid(event: KubeObject): string | undefined {
  const subject = event.involvedObject;
  return typeof subject === 'object' &&
    subject !== null &&
    'uid' in subject &&
    typeof subject.uid === 'string'
    ? subject.uid
    : undefined;
}
