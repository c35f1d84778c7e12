import { ChangeEvent } from '@slipway/backstage-plugin-delivery-common';
import { EventPosition, formatEventId } from './eventId';
import { ChangeSubscription } from './types';

/** An event before it has an id: the id says where the stream stood. */
export interface PendingEvent {
  /** Events with the same key are one piece of news: the latest one wins. */
  key: string;
  event: Omit<ChangeEvent, 'id'>;
  position: EventPosition;
}

/** Handed out at once; more wait for the next call. */
const BATCH = 200;

/**
 * The buffer between the one reader and one viewer. A viewer that does not
 * read costs at most `maxPending` events: beyond that all are dropped and it
 * is told to fetch everything again. News about the same thing are joined, so
 * a slow viewer of a busy target still gets the latest state.
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
    if (this.#pending.size > this.#maxPending) {
      this.reset(item.position);
      return;
    }
    this.#wake?.();
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
      this.#position = item.position;
      events.push({ id: formatEventId(item.position), ...item.event });
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
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }
}
