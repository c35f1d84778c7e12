import { ChangeEvent } from '@slipway/backstage-plugin-delivery-common';
import { EventPosition, formatEventId } from './eventId';
import { ChangeSubscription } from './types';

/**
 * An event before it has an id. It moves one half of the viewer's position on:
 * a change of the feed has a cursor, a change of instances a sequence number.
 */
export interface PendingEvent {
  /** Events with the same key are one piece of news: the latest one wins. */
  key: string;
  event: Omit<ChangeEvent, 'id'>;
  cursor?: string;
  sequence?: number;
}

/** Handed out at once; more wait for the next call. */
const BATCH = 200;

/**
 * The buffer between the one reader and one viewer. A viewer that does not
 * read costs at most `maxPending` events: beyond that all are dropped and it
 * is told to fetch everything again. News about the same thing are joined, so
 * a slow viewer of a busy target still gets the latest state.
 *
 * An event's id says what has been handed out up to and with it, and nothing
 * that still waits here: whoever resumes from it misses nothing.
 */
export class BufferedSubscription implements ChangeSubscription {
  readonly #pending = new Map<string, PendingEvent>();
  readonly #maxPending: number;
  readonly #onClose: () => void;
  #position: EventPosition;
  #reset = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(options: {
    position: EventPosition;
    maxPending: number;
    onClose: () => void;
  }) {
    this.#position = options.position;
    this.#maxPending = options.maxPending;
    this.#onClose = options.onClose;
  }

  push(item: PendingEvent) {
    if (this.#closed) {
      return;
    }
    this.#pending.delete(item.key);
    this.#pending.set(item.key, item);
    this.#wake?.();
  }

  /** More waits than a viewer may cost: the owner resets it. */
  isOverfull(): boolean {
    return this.#pending.size > this.#maxPending;
  }

  /** The feed went by something that is not for this viewer. */
  pass(cursor: string) {
    if (!this.#hasNews()) {
      this.#position = { ...this.#position, cursor };
    }
  }

  /** Drops what waits: the viewer must fetch everything it shows again. */
  reset(position: EventPosition) {
    this.#pending.clear();
    this.#reset = true;
    this.#position = position;
    this.#wake?.();
  }

  async next(waitMs: number, signal: AbortSignal): Promise<ChangeEvent[]> {
    if (!this.#hasNews() && !this.#closed && !signal.aborted && waitMs > 0) {
      await this.#wait(waitMs, signal);
    }
    if (this.#closed || signal.aborted) {
      return [];
    }
    const events: ChangeEvent[] = [];
    if (this.#reset) {
      this.#reset = false;
      events.push({
        id: formatEventId(this.#position),
        kind: 'reset',
        subject: '',
      });
    }
    for (const [key, item] of this.#pending) {
      if (events.length >= BATCH) {
        break;
      }
      this.#pending.delete(key);
      this.#position = moved(this.#position, item);
      events.push({ id: formatEventId(this.#position), ...item.event });
    }
    return events;
  }

  position(): string {
    return formatEventId(this.#position);
  }

  close() {
    if (!this.#closed) {
      this.#closed = true;
      this.#pending.clear();
      this.#wake?.();
      this.#onClose();
    }
  }

  #hasNews(): boolean {
    return this.#reset || this.#pending.size > 0;
  }

  #wait(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      let timer: ReturnType<typeof setTimeout> | undefined = undefined;
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      timer = setTimeout(done, waitMs);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }
}

function moved(position: EventPosition, item: PendingEvent): EventPosition {
  return {
    cursor: item.cursor ?? position.cursor,
    live: {
      process: position.live.process,
      sequence: item.sequence ?? position.live.sequence,
    },
  };
}
