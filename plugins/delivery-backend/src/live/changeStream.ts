import { LoggerService } from '@backstage/backend-plugin-api';
import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import type { DeliveryStore, FeedEntry } from '../store/types';
import { EventPosition, parseEventId } from './eventId';
import { BufferedSubscription, PendingEvent } from './subscription';
import { ChangeStream, ChangeSubscription, Live, LiveChange } from './types';

/*
 * One reader of the change feed for this backend, whatever number of viewers:
 * it follows the feed from where it stood at start and hands each entry to
 * the viewers' buffers. Who comes back with an id catches up from the feed
 * table by itself, once, while its buffer already collects what is new; what
 * both brought is told apart by the feed cursor.
 *
 * Delivery is at least once, and events are hints: the viewer fetches what it
 * shows of them. Only `instances` events carry state.
 */

const READ_LIMIT = 500;
const MAX_PENDING = 1_000;
/** Past this much news a full fetch is cheaper than the news. */
const MAX_CATCH_UP = 5_000;
const MAX_UNFILTERED_SNAPSHOT = 1_000;
const RETRY_MS = 1_000;

export interface ChangeStreamOptions {
  store: Pick<DeliveryStore, 'feed'>;
  live: Pick<Live, 'onChange' | 'position' | 'changedSince'>;
  logger: LoggerService;
  maxPending?: number;
}

interface Viewer {
  buffer: BufferedSubscription;
  services?: ReadonlySet<string>;
  /** Feed cursors it caught up with; the reader must not bring them again. */
  caughtUp?: Set<string>;
}

/** Merges the change feed and the live instances into one stream. */
export function createChangeStream(options: ChangeStreamOptions): ChangeStream {
  const { store, live, logger } = options;
  const maxPending = options.maxPending ?? MAX_PENDING;
  const viewers = new Set<Viewer>();
  let head: string | undefined;
  let reading = false;
  let again = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let started: Promise<void> | undefined;
  let stopped: AbortSignal | undefined;

  function position(cursor: string): EventPosition {
    return { cursor, live: live.position() };
  }

  function deliver(viewer: Viewer, item: PendingEvent, cursor?: string) {
    const { service } = item.event;
    if (viewer.services && !(service && viewer.services.has(service))) {
      return;
    }
    if (cursor !== undefined && viewer.caughtUp?.has(cursor)) {
      return;
    }
    viewer.buffer.push(item);
  }

  /** Reads to the end of the feed; one at a time, again if news came meanwhile. */
  async function follow() {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    try {
      do {
        again = false;
        let more = true;
        while (more && !stopped?.aborted) {
          const result = await store.feed.read(head, READ_LIMIT);
          head = result.cursor;
          if (result.reset) {
            for (const viewer of viewers) {
              viewer.buffer.reset(position(head));
            }
          }
          for (const entry of result.entries) {
            const item = toPending(entry, position(entry.cursor));
            for (const viewer of viewers) {
              deliver(viewer, item, entry.cursor);
            }
          }
          more = result.entries.length > 0;
        }
      } while (again && !stopped?.aborted);
    } catch (error) {
      logger.warn('The change feed could not be read; trying again', {
        error: String(error),
      });
      clearTimeout(retry);
      retry = setTimeout(follow, RETRY_MS);
    } finally {
      reading = false;
    }
  }

  /** Where the feed stands now, without keeping what is already history. */
  async function seek() {
    let more = true;
    while (more && !stopped?.aborted) {
      const result = await store.feed.read(head, READ_LIMIT);
      head = result.cursor;
      more = result.entries.length > 0;
    }
  }

  async function catchUp(viewer: Viewer, from: string) {
    const seen = new Set<string>();
    viewer.caughtUp = seen;
    let cursor = from;
    for (;;) {
      const result = await store.feed.read(cursor, READ_LIMIT);
      cursor = result.cursor;
      if (result.reset || seen.size > MAX_CATCH_UP) {
        viewer.buffer.reset(position(cursor));
        return;
      }
      if (result.entries.length === 0) {
        return;
      }
      for (const entry of result.entries) {
        if (!seen.has(entry.cursor)) {
          deliver(viewer, toPending(entry, position(entry.cursor)));
          seen.add(entry.cursor);
        }
      }
    }
  }

  function snapshot(viewer: Viewer, after: number) {
    const changes = live.changedSince(after);
    if (!viewer.services && changes.length > MAX_UNFILTERED_SNAPSHOT) {
      viewer.buffer.reset(position(head ?? ''));
      return;
    }
    for (const change of changes) {
      deliver(
        viewer,
        toLivePending(change, head ?? '', live.position().process),
      );
    }
  }

  async function ready(): Promise<string> {
    if (!started) {
      throw new Error('The change stream was asked before it was started');
    }
    await started;
    if (head === undefined) {
      // The database was away at start: the viewer's request fails with the
      // database's own error until it is back.
      await seek();
    }
    return head ?? '';
  }

  return {
    start(signal: AbortSignal) {
      stopped = signal;
      const stopListening = live.onChange(change => {
        if (viewers.size > 0) {
          const { process } = live.position();
          const item = toLivePending(change, head ?? '', process);
          for (const viewer of viewers) {
            deliver(viewer, item);
          }
        }
      });
      // Listen before the first read, so that nothing falls in between.
      store.feed.subscribe(() => {
        // follow() reports its own faults and tries again.
        void follow();
      }, signal);
      started = seek().catch(error => {
        logger.warn('The change feed could not be read at start', {
          error: String(error),
        });
        retry = setTimeout(follow, RETRY_MS);
      });
      signal.addEventListener(
        'abort',
        () => {
          clearTimeout(retry);
          stopListening();
          for (const viewer of [...viewers]) {
            viewer.buffer.close();
          }
        },
        { once: true },
      );
    },

    async subscribe({ lastEventId, services }): Promise<ChangeSubscription> {
      const cursor = await ready();
      const resume =
        lastEventId === undefined ? undefined : parseEventId(lastEventId);
      const viewer: Viewer = {
        buffer: new BufferedSubscription({
          position: resume ?? position(cursor),
          maxPending,
          onClose: () => viewers.delete(viewer),
        }),
        services: services ? new Set(services) : undefined,
      };
      viewers.add(viewer);
      try {
        if (lastEventId !== undefined && !resume) {
          viewer.buffer.reset(position(cursor));
        } else if (resume) {
          await catchUp(viewer, resume.cursor);
        }
        const sameProcess = resume?.live.process === live.position().process;
        if (sameProcess) {
          snapshot(viewer, resume?.live.sequence ?? 0);
        } else if (services || resume) {
          snapshot(viewer, 0);
        }
      } catch (error) {
        viewer.buffer.close();
        throw error;
      }
      return viewer.buffer;
    },

    viewers: () => viewers.size,
  };
}

function toPending(entry: FeedEntry, position: EventPosition): PendingEvent {
  return {
    key: `${entry.kind}:${entry.subject}`,
    event: {
      kind: entry.kind,
      subject: entry.subject,
      service: entry.service,
      version: entry.version,
    },
    position,
  };
}

function toLivePending(
  change: LiveChange,
  cursor: string,
  process: string,
): PendingEvent {
  const subject = stringifyTarget(change.target);
  return {
    key: `instances:${subject}`,
    event: {
      kind: 'instances',
      subject,
      service: change.target.service,
      instances: change.state,
    },
    position: { cursor, live: { process, sequence: change.sequence } },
  };
}
