import { isForbidden, isNotFound, KubeClient, tail } from '../client';
import { ContainerStatus, Pod } from './objects';

const LINES = 20;
const MAX_BYTES = 16 * 1024;
/** Dead containers whose words are remembered; their logs do not change any more. */
const MAX_REMEMBERED = 500;
/** Pods of one target that are asked in one look: the first ones tell enough. */
const MAX_READS = 5;

/** Reads why containers died from the end of their logs. */
export interface CrashEvidence {
  /** What was read so far, by `containerID`. */
  readonly known: ReadonlyMap<string, string>;
  /** Whether something died of which nothing was read yet. */
  isNeeded(pods: readonly Pod[]): boolean;
  /**
   * The last log lines of the dead containers of these pods, by `containerID`,
   * for `HealthContext.lastLines`. Each log is read once only. What cannot be
   * read is left out: evidence must not make the look itself fail.
   */
  gather(
    pods: readonly Pod[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string>>;
}

export function createCrashEvidence(options: {
  client: Pick<KubeClient, 'logs'>;
}): CrashEvidence {
  const remembered = new Map<string, string>();

  async function read(
    pod: Pod,
    status: ContainerStatus,
    dead: { containerID: string; previous: boolean },
    signal: AbortSignal,
  ) {
    const lines: string[] = [];
    try {
      for await (const line of tail(
        options.client,
        { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name },
        {
          container: status.name,
          previous: dead.previous,
          tailLines: LINES,
          limitBytes: MAX_BYTES,
        },
        signal,
      )) {
        lines.push(line);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!isNotFound(error) && !isForbidden(error) && lines.length === 0) {
        // Not now; the next look asks again.
        return;
      }
    }
    remembered.set(dead.containerID, lines.slice(-LINES).join('\n'));
    const oldest = remembered.keys().next();
    if (remembered.size > MAX_REMEMBERED && !oldest.done) {
      remembered.delete(oldest.value);
    }
  }

  function unreadOf(pods: readonly Pod[]) {
    return pods
      .flatMap(pod =>
        [
          ...(pod.status?.initContainerStatuses ?? []),
          ...(pod.status?.containerStatuses ?? []),
        ].map(status => ({ pod, status, dead: deadContainer(status) })),
      )
      .flatMap(({ pod, status, dead }) =>
        dead && !remembered.has(dead.containerID)
          ? [{ pod, status, dead }]
          : [],
      )
      .slice(0, MAX_READS);
  }

  return {
    known: remembered,
    isNeeded: pods => unreadOf(pods).length > 0,
    async gather(pods, signal) {
      await Promise.all(
        unreadOf(pods).map(({ pod, status, dead }) =>
          read(pod, status, dead, signal),
        ),
      );
      return remembered;
    },
  };
}

/** The container that ended last, where it is why this one is not ready. */
function deadContainer(
  status: ContainerStatus,
): { containerID: string; previous: boolean } | undefined {
  const now = status.state?.terminated;
  if (now?.containerID && now.exitCode !== 0) {
    return { containerID: now.containerID, previous: false };
  }
  const before = status.lastState?.terminated;
  return !status.ready && before?.containerID
    ? { containerID: before.containerID, previous: !status.state?.terminated }
    : undefined;
}
