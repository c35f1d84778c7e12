import { KubeClient } from '../client';
import { ContainerStatus, timeMs } from '../health';
import { ContainerRef, Read, readAfter } from './containerReader';
import { LinePosition } from './logLine';

/*
 * The kubelet keeps the log of a container and of the one before it, apart.
 */

/** Whose logs, and what the cluster says of the container now. */
export interface RestartingContainer {
  client: Pick<KubeClient, 'logs'>;
  ref: ContainerRef;
  status: ContainerStatus | undefined;
}

/** Whether the line is of the container that is here now, not of one before it. */
export function isOfCurrent(
  { status }: Pick<RestartingContainer, 'status'>,
  position: LinePosition | undefined,
): boolean {
  const { state } = status ?? {};
  const startedAtMs = timeMs(
    state?.running?.startedAt ?? state?.terminated?.startedAt,
  );
  return (
    position !== undefined &&
    startedAtMs !== undefined &&
    // The start is told in whole seconds.
    position.ns >= BigInt(startedAtMs) * 1_000_000n
  );
}

/** What the container before has after the position; nothing where there is none. */
export async function* readPrevious(
  container: RestartingContainer,
  position: LinePosition | undefined,
  signal: AbortSignal,
  tailLines?: number,
): AsyncGenerator<Read> {
  const { client, ref, status } = container;
  if (!isOfCurrent(container, position) && (status?.restartCount ?? 0) > 0) {
    yield* readAfter(
      client,
      ref,
      position,
      { previous: true, expected: true, tailLines },
      signal,
    );
  }
}

/** The previous container's log where it is after the position, then this one's. */
export async function* readAcross(
  container: RestartingContainer,
  position: LinePosition | undefined,
  signal: AbortSignal,
  tailLines?: number,
): AsyncGenerator<Read> {
  const { client, ref } = container;
  yield* readPrevious(container, position, signal, tailLines);
  yield* readAfter(
    client,
    ref,
    position,
    { expected: isOfCurrent(container, position), tailLines },
    signal,
  );
}
