import {
  isNotFound,
  isStatus,
  KubeClient,
  LogOptions,
  readLines,
} from '../client';
import {
  ContainerLine,
  LinePosition,
  parseLine,
  samePosition,
  sinceTime,
} from './logLine';

/** Lines of a log are in order of time but for so much. */
const DISORDER_NS = 500_000_000n;
/** A runtime may have to be asked through a slow node. */
const MAX_HELD = 5_000;

/** One container of a pod. */
export interface ContainerRef {
  namespace: string;
  pod: string;
  container: string;
}

/** One line, or the note that lines between the position and the next one are gone. */
export type Read = ContainerLine | 'gap';

/**
 * The lines of one log after a position, in the log's own order, which is
 * exact however the clock jumps. Where the position's line is not there any
 * more (the log was rotated, the container replaced), everything later than it,
 * after a `gap` when lines may be missing.
 *
 * A log that the kubelet does not have (any more) has no lines. Errors: those
 * of the client.
 */
export async function* readAfter(
  client: Pick<KubeClient, 'logs'>,
  { namespace, pod, container }: ContainerRef,
  after: LinePosition | undefined,
  options: Pick<LogOptions, 'follow' | 'previous' | 'tailLines'> & {
    /** Whether the position's line should be in this very log. */
    expected?: boolean;
  },
  signal: AbortSignal,
): AsyncGenerator<Read> {
  const { expected, ...logOptions } = options;
  let before: ContainerLine | undefined;
  let searching = after !== undefined;
  let held: ContainerLine[] = [];

  /** What was held while looking for the position, when it is not there. */
  function* giveUp(): Generator<Read> {
    searching = false;
    const later = held.filter(line => after && line.ns > after.ns);
    if (expected && later.length > 0 && later.length === held.length) {
      yield 'gap';
    }
    yield* later;
    held = [];
  }

  try {
    for await (const text of readLines(
      client.logs(
        { namespace, name: pod },
        {
          container,
          ...logOptions,
          ...(after && { sinceTime: sinceTime(after.ns) }),
        },
        signal,
      ),
    )) {
      const line: ContainerLine | undefined = parseLine(text, before);
      if (!line) {
        continue;
      }
      before = line;
      if (!searching || !after) {
        yield line;
        continue;
      }
      if (samePosition(line, after)) {
        searching = false;
        held = [];
        continue;
      }
      held.push(line);
      if (line.ns > after.ns + DISORDER_NS || held.length > MAX_HELD) {
        yield* giveUp();
      }
    }
  } catch (error) {
    // 400: the container has not begun, or has no previous one. 404: no pod.
    if (!isNotFound(error) && !isStatus(error, 400)) {
      throw error;
    }
  }
  yield* giveUp();
}
