import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { KubeClient } from '../client';
import { ContainerStatus, Pod, timeMs } from '../health';
import { GENERATION_LABEL, RELEASE_ANNOTATION } from '../names';
import { containerKey } from './cursor';
import { FollowedContainer } from './followedContainer';
import { LineMarks } from './lineMemory';
import { PodSource, TargetPods } from './podSource';

/** Streams that one target may hold open; the newest pods come first. */
const MAX_FOLLOWED = 40;
/** Containers that are gone, whose last lines are still in memory. */
const MAX_GONE = 40;

/** Whose lines are asked for. */
export interface LogFilter {
  instance?: string;
  generation?: string;
}

interface Listed {
  key: string;
  pod: Pod;
  status: ContainerStatus;
}

/** The followed containers of one target, shared by all who read its logs. */
export class TargetSession {
  private readonly followed = new Map<string, FollowedContainer>();
  private readonly ended = new AbortController();
  private readonly listeners = new Set<() => void>();
  private syncing: Promise<void> | undefined;
  private again = false;
  private notFollowed: Listed[] = [];

  constructor(
    private readonly options: {
      client: Pick<KubeClient, 'logs'>;
      target: TargetRef;
      pods: PodSource;
    },
  ) {
    options.pods.follow(
      options.target,
      () => {
        this.sync(true).catch(() => this.tell());
      },
      this.ended.signal,
    );
  }

  close(): void {
    this.ended.abort(new Error('Nobody reads this log any more'));
  }

  /** How many containers have no room among those that are followed. */
  get leftOut(): number {
    return this.notFollowed.length;
  }

  onNews(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** The containers that the filter asks for. Errors: when pods cannot be read. */
  async containers(filter: LogFilter): Promise<FollowedContainer[]> {
    await this.sync(this.followed.size === 0);
    if (filter.instance !== undefined) {
      // Who asks for one instance by name gets it, followed or not yet.
      for (const listed of this.notFollowed) {
        if (listed.pod.metadata.name === filter.instance) {
          this.follow(listed, undefined);
        }
      }
    }
    return [...this.followed.values()].filter(
      ({ marks }) =>
        (filter.instance === undefined || marks.instance === filter.instance) &&
        (filter.generation === undefined ||
          marks.generation === filter.generation),
    );
  }

  private tell(): void {
    for (const listener of this.listeners) {
      listener();
    }
  }

  /** Brings what is followed to what there is; calls that overlap share one look. */
  private async sync(needed: boolean): Promise<void> {
    if (this.syncing) {
      this.again ||= needed;
      return this.syncing;
    }
    if (!needed) {
      return undefined;
    }
    this.syncing = (async () => {
      try {
        do {
          this.again = false;
          const { target, pods } = this.options;
          this.adjust(await pods.read(target, this.ended.signal));
        } while (this.again && !this.ended.signal.aborted);
      } finally {
        this.syncing = undefined;
      }
    })();
    return this.syncing;
  }

  private adjust({ pods, tracks }: TargetPods): void {
    const listed = listContainers(pods);
    const there = new Map(listed.map(entry => [entry.key, entry]));
    for (const [key, container] of this.followed) {
      const entry = there.get(key);
      container.update(entry?.status, entry && marksOf(entry, tracks));
    }
    const gone = [...this.followed.values()].filter(({ isGone }) => isGone);
    for (const { key } of gone.slice(0, -MAX_GONE)) {
      this.followed.delete(key);
    }
    const unfollowed = listed.filter(({ key }) => !this.followed.has(key));
    const room = Math.max(
      0,
      MAX_FOLLOWED - (this.followed.size - Math.min(gone.length, MAX_GONE)),
    );
    this.notFollowed = unfollowed.slice(room);
    for (const entry of unfollowed.slice(0, room)) {
      this.follow(entry, tracks);
    }
    this.tell();
  }

  private follow(
    { key, pod, status }: Listed,
    tracks: ReadonlyMap<string, string> | undefined,
  ): void {
    const container = new FollowedContainer(
      {
        client: this.options.client,
        ref: {
          namespace: pod.metadata.namespace ?? '',
          pod: pod.metadata.name,
          container: status.name,
        },
        key,
        marks: marksOf({ pod, status }, tracks),
        status,
        onNews: () => this.tell(),
      },
      this.ended.signal,
    );
    this.followed.set(key, container);
    this.notFollowed = this.notFollowed.filter(entry => entry.key !== key);
  }
}

/** Containers that have begun, those of the newest pods first. */
function listContainers(pods: Pod[]): Listed[] {
  return [...pods]
    .sort((a, b) => createdMs(b) - createdMs(a))
    .flatMap(pod =>
      [
        ...(pod.status?.initContainerStatuses ?? []),
        ...(pod.status?.containerStatuses ?? []),
      ]
        .filter(hasBegun)
        .map(status => ({
          key: containerKey(pod.metadata.uid ?? '', status.name),
          pod,
          status,
        })),
    );
}

function createdMs({ metadata }: Pod): number {
  return timeMs(metadata.creationTimestamp) ?? 0;
}

function hasBegun({ state, lastState }: ContainerStatus): boolean {
  return Boolean(state?.running || state?.terminated || lastState?.terminated);
}

/** A container's name says something only where a pod has several. */
function hasSeveral({ spec, status }: Pod): boolean {
  const named = [
    ...(spec?.containers ?? status?.containerStatuses ?? []),
    ...(spec?.initContainers ?? status?.initContainerStatuses ?? []),
  ];
  return named.length > 1;
}

function marksOf(
  { pod, status }: Pick<Listed, 'pod' | 'status'>,
  tracks: ReadonlyMap<string, string> | undefined,
): LineMarks {
  const { metadata } = pod;
  const generation = metadata.labels?.[GENERATION_LABEL];
  const track = generation && tracks?.get(generation);
  const releaseId = metadata.annotations?.[RELEASE_ANNOTATION];
  return {
    instance: metadata.name,
    ...(hasSeveral(pod) && { container: status.name }),
    ...(generation && { generation }),
    ...(track && { track }),
    ...(releaseId && { releaseId }),
  };
}
