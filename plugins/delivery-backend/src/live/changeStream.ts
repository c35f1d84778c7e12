import { LoggerService } from '@backstage/backend-plugin-api';
import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import type { DeliveryStore, FeedEntry } from '../store';
import { EventPosition, parseEventId } from './eventId';
import { BufferedSubscription, PendingEvent } from './subscription';
import {
  ChangeStream,
  ChangeSubscription,
  Live,
  LiveChange,
  causesIn,
} from './types';

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
  /**
   * Set while it catches up: what the reader brings meanwhile waits here, so
   * that ids never run ahead of what was handed out.
   */
  held?: PendingEvent[];
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

  function resetViewer(viewer: Viewer) {
    viewer.held = viewer.held && [];
    viewer.buffer.reset(position(head ?? ''));
  }

  function deliver(viewer: Viewer, item: PendingEvent) {
    const { service } = item.event;
    if (viewer.services && !(service && viewer.services.has(service))) {
      if (item.cursor !== undefined) {
        viewer.buffer.pass(item.cursor);
      }
      return;
    }
    viewer.buffer.push(item);
    if (viewer.buffer.isOverfull()) {
      resetViewer(viewer);
    }
  }

  /** From the reader or the watch, to everybody. */
  function broadcast(item: PendingEvent) {
    for (const viewer of viewers) {
      if (!viewer.held) {
        deliver(viewer, item);
      } else if (item.cursor !== undefined) {
        // Live changes are left out: the snapshot that follows has them.
        viewer.held.push(item);
        if (viewer.held.length > MAX_CATCH_UP) {
          resetViewer(viewer);
        }
      }
    }
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
            viewers.forEach(resetViewer);
          }
          for (const entry of result.entries) {
            broadcast(toPending(entry));
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
    let cursor = from;
    for (;;) {
      const result = await store.feed.read(cursor, READ_LIMIT);
      cursor = result.cursor;
      if (result.reset || seen.size > MAX_CATCH_UP) {
        resetViewer(viewer);
        break;
      }
      if (result.entries.length === 0) {
        break;
      }
      for (const entry of result.entries) {
        deliver(viewer, toPending(entry));
        seen.add(entry.cursor);
      }
    }
    for (const item of viewer.held ?? []) {
      if (item.cursor === undefined || !seen.has(item.cursor)) {
        deliver(viewer, item);
      }
    }
  }

  function snapshot(viewer: Viewer, after: number) {
    const changes = live.changedSince(after);
    if (!viewer.services && changes.length > MAX_UNFILTERED_SNAPSHOT) {
      resetViewer(viewer);
      return;
    }
    for (const change of changes) {
      deliver(viewer, toLivePending(change));
    }
  }

  /** Where a viewer stands before it was handed anything. */
  function startOf(
    resume: EventPosition | undefined,
    cursor: string,
    wantsSnapshot: boolean,
  ): EventPosition {
    const { process, sequence } = live.position();
    if (resume?.live.process === process) {
      return resume;
    }
    return {
      cursor: resume?.cursor ?? cursor,
      live: { process, sequence: wantsSnapshot ? 0 : sequence },
    };
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
      const stopListening = live.onChange(change =>
        broadcast(toLivePending(change)),
      );
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
      const foreign = lastEventId !== undefined && !resume;
      const wantsSnapshot = services !== undefined || resume !== undefined;
      const start = startOf(resume, cursor, wantsSnapshot);
      const viewer: Viewer = {
        buffer: new BufferedSubscription({
          position: start,
          maxPending,
          onClose: () => viewers.delete(viewer),
        }),
        services: services && new Set(services),
        held: [],
      };
      viewers.add(viewer);
      try {
        if (foreign) {
          resetViewer(viewer);
        } else if (resume) {
          await catchUp(viewer, resume.cursor);
        }
        viewer.held = undefined;
        if (wantsSnapshot) {
          snapshot(viewer, start.live.sequence);
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

function toPending(entry: FeedEntry): PendingEvent {
  return {
    key: `${entry.kind}:${entry.subject}`,
    event: {
      kind: entry.kind,
      subject: entry.subject,
      service: entry.service,
      version: entry.version,
    },
    cursor: entry.cursor,
  };
}

function toLivePending(change: LiveChange): PendingEvent {
  const subject = stringifyTarget(change.target);
  return {
    key: `instances:${subject}`,
    event: {
      kind: 'instances',
      subject,
      service: change.target.service,
      instances: change.state,
      ...(change.surroundings && { causes: causesIn(change.surroundings) }),
    },
    sequence: change.sequence,
  };
}
