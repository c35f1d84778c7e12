import {
  LogChunk,
  LogLine,
  stringifyTarget,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { LogProvider } from '@slipway/backstage-plugin-delivery-node';
import { ClusterAccess } from '../clusterAccess';
import { ClusterWatch } from '../watch';
import { Cursor, formatCursor, parseCursor } from './cursor';
import { FollowedContainer } from './followedContainer';
import { StoredLine } from './lineMemory';
import { mergeByTime, Pending } from './merge';
import { createPodSource, PodSource } from './podSource';
import { LogFilter, TargetSession } from './targetSession';

/** Streams stay open for so long after the last reader: the page asks again at once. */
const IDLE_MS = 15_000;
/** Targets that are read at the same time; the one read longest ago is closed. */
const MAX_SESSIONS = 50;
/** A line waits so long for older ones of other containers that are still on their way. */
const SETTLE_MS = 150;

/**
 * The logs of a target's pods, as one. Containers are followed while somebody
 * reads, once whatever number of people do; see `cursor.ts` for how nothing is
 * lost or repeated.
 */
export function createLogProvider(options: {
  cluster: ClusterAccess;
  /** Where pods are known from; absent: they are listed while somebody reads. */
  watch?: ClusterWatch;
  /** How long streams stay open after the last reader. Default 15,000. */
  idleMs?: number;
  /** Where pods are known from; default: the watch, else the API. */
  pods?: PodSource;
}): LogProvider {
  const { cluster, idleMs = IDLE_MS } = options;
  const pods = options.pods ?? createPodSource(options);
  const sessions = new Map<
    string,
    { session: TargetSession; readers: number; idle?: NodeJS.Timeout }
  >();

  function end(key: string) {
    const entry = sessions.get(key);
    clearTimeout(entry?.idle);
    entry?.session.close();
    sessions.delete(key);
  }

  async function withSession<T>(
    target: TargetRef,
    use: (session: TargetSession) => Promise<T>,
  ): Promise<T> {
    const key = stringifyTarget(target);
    const entry = sessions.get(key) ?? {
      session: new TargetSession({ client: cluster.client, target, pods }),
      readers: 0,
    };
    sessions.delete(key);
    sessions.set(key, entry);
    clearTimeout(entry.idle);
    entry.readers += 1;
    for (const [other, { readers }] of sessions) {
      if (sessions.size > MAX_SESSIONS && readers === 0) {
        end(other);
      }
    }
    try {
      return await use(entry.session);
    } finally {
      entry.readers -= 1;
      if (entry.readers === 0 && sessions.get(key) === entry) {
        entry.idle = setTimeout(() => end(key), idleMs);
        entry.idle.unref();
      }
    }
  }

  return {
    async read(request, signal) {
      const { target, instance, generation, after, limit, waitMs } = request;
      const filter = { instance, generation };
      const cursor = after === undefined ? undefined : parseCursor(after);
      return await withSession(target, session =>
        cursor
          ? readOn(session, filter, cursor, { limit, waitMs }, signal)
          : readTail(session, filter, limit),
      );
    },
  };
}

/** The newest lines; the cursor stands at the end of everything. */
async function readTail(
  session: TargetSession,
  filter: LogFilter,
  limit: number,
): Promise<LogChunk> {
  const containers = await session.containers(filter);
  const cursor: Cursor = new Map();
  const tails = await Promise.all(
    containers.map(async container => ({
      container,
      lines: await container.last(limit),
    })),
  );
  for (const { container, lines } of tails) {
    const last = lines.at(-1);
    if (last) {
      cursor.set(container.key, last);
    }
  }
  const merged = mergeByTime(tails, Number.MAX_SAFE_INTEGER).slice(-limit);
  const lines = merged.map(({ container, line }) => toLine(container, line));
  if (session.leftOut > 0) {
    lines.push({
      atMs: Date.now(),
      stream: 'system',
      text: `${session.leftOut} more containers are not shown; choose an instance to see its log`,
    });
  }
  return { lines, nextOffset: formatCursor(cursor), ended: false };
}

async function readOn(
  session: TargetSession,
  filter: LogFilter,
  cursor: Cursor,
  { limit, waitMs }: { limit: number; waitMs: number },
  signal: AbortSignal,
): Promise<LogChunk> {
  const deadlineMs = Date.now() + waitMs;
  for (;;) {
    let news = false;
    let wake = () => {};
    const stop = session.onNews(() => {
      news = true;
      wake();
    });
    try {
      const containers = await session.containers(filter);
      const pending = await Promise.all(
        containers.map(async container => ({
          container,
          lines: await container.after(
            cursor.get(container.key),
            limit,
            signal,
          ),
        })),
      );
      const settledMs = settle(pending);
      const merged = mergeByTime(pending, limit);
      if (merged.length > 0 || signal.aborted || Date.now() >= deadlineMs) {
        return chunkOf(merged, cursor, containers);
      }
      const leftMs = deadlineMs - Date.now();
      if (!news) {
        await new Promise<void>(resolve => {
          const timer = setTimeout(done, Math.min(leftMs, settledMs ?? leftMs));
          function done() {
            clearTimeout(timer);
            signal.removeEventListener('abort', done);
            resolve();
          }
          wake = done;
          signal.addEventListener('abort', done, { once: true });
        });
      }
    } finally {
      stop();
    }
  }
}

/**
 * Leaves out what has only just come; answers when the first of it may go.
 * Within that time lines of other containers with an older time arrive, so that
 * what people read is in order.
 */
function settle(pending: Pending[]): number | undefined {
  const nowMs = Date.now();
  let waitMs: number | undefined;
  for (const entry of pending) {
    const fresh = entry.lines.findIndex(
      line => line !== 'gap' && line.cameAtMs > nowMs - SETTLE_MS,
    );
    const line = entry.lines[fresh];
    if (line !== undefined && line !== 'gap') {
      entry.lines = entry.lines.slice(0, fresh);
      waitMs = Math.min(
        waitMs ?? SETTLE_MS,
        Math.max(1, line.cameAtMs + SETTLE_MS - nowMs),
      );
    }
  }
  return waitMs;
}

function chunkOf(
  merged: ReturnType<typeof mergeByTime>,
  before: Cursor,
  containers: FollowedContainer[],
): LogChunk {
  const next: Cursor = new Map();
  // What is gone and forgotten needs no place in the cursor any more.
  for (const { key } of containers) {
    const position = before.get(key);
    if (position) {
      next.set(key, position);
    }
  }
  for (const { container, line } of merged) {
    if (line !== 'gap') {
      next.set(container.key, line);
    }
  }
  return {
    lines: merged.map(({ container, line }) => toLine(container, line)),
    nextOffset: next.size > 0 ? formatCursor(next) : formatCursor(before),
    ended: false,
  };
}

function toLine(
  container: FollowedContainer,
  line: StoredLine | 'gap',
): LogLine {
  if (line === 'gap') {
    return {
      ...container.marks,
      atMs: Date.now(),
      stream: 'system',
      text: `Lines of ${container.marks.instance} are missing here: its log was rotated, or it restarted several times, and the node does not have them any more`,
    };
  }
  return { ...line.marks, atMs: line.atMs, text: line.text };
}
