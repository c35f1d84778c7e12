import { ChangeEvent } from '@slipway/backstage-plugin-delivery-common';

/** How well the page is kept up to date. */
export interface StreamStatus {
  state: 'connecting' | 'live' | 'down';
  /** Since when it is so (epoch milliseconds). */
  sinceMs: number;
  /** Why the backend refuses and what to do, when it says so. */
  reason?: string;
}

/**
 * Hints that something changed, from one stream for the whole browser.
 *
 * @public
 */
export interface DeliveryEvents {
  /** Joins the stream while at least one listener is there; returns how to leave. */
  subscribe(listener: (event: ChangeEvent) => void): () => void;
  status(): StreamStatus;
  onStatus(listener: () => void): () => void;
}

/** What this tab says to the other tabs of the browser, and they to it. */
export type TabMessage =
  | { type: 'event'; event: ChangeEvent }
  | { type: 'status'; status: StreamStatus }
  /** A tab that just came asks how things are. */
  | { type: 'hello' };

/** The part of `BroadcastChannel` that is used. */
export interface TabChannel {
  postMessage(message: TabMessage): void;
  onmessage: ((event: MessageEvent<TabMessage>) => unknown) | null;
  close(): void;
}

/** The part of `LockManager` that is used. */
export interface TabLocks {
  request(
    name: string,
    options: { signal: AbortSignal },
    whileHeld: () => Promise<void>,
  ): Promise<unknown>;
}

/** Opens the stream of the backend; resolves when it ends, rejects when it breaks. */
export type OpenStream = (
  request: { lastEventId?: string; onOpen: () => void },
  onEvent: (event: ChangeEvent) => void,
  signal: AbortSignal,
) => Promise<void>;
