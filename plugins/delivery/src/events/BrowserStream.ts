/**
 * One stream for the whole browser.
 *
 * However many tabs are open, one of them (whoever holds the Web Lock) reads
 * the change stream of the backend and tells the others by BroadcastChannel.
 * When it goes away the lock passes on, and the next one resumes from the last
 * event id that it heard. A hidden tab leaves; when it is seen again it
 * rejoins and fetches what it shows, because it may have missed something.
 * Where a browser knows no Web Locks, each tab reads a stream of its own.
 */
import { isError } from '@backstage/errors';
import { ChangeEvent } from '@slipway/backstage-plugin-delivery-common';
import { backoffMs, sleep } from './backoff';
import {
  DeliveryEvents,
  OpenStream,
  StreamStatus,
  TabChannel,
  TabLocks,
} from './types';

/** How long a tab that nobody looks at still holds on, so that a glance elsewhere costs nothing. */
const LINGER_MS = 3_000;

export interface BrowserStreamOptions {
  open: OpenStream;
  /** Tabs of one user share; tabs of different users must not. */
  scope: () => Promise<string>;
  locks?: TabLocks;
  createChannel?: (name: string) => TabChannel;
  visibility?: Pick<
    Document,
    'visibilityState' | 'addEventListener' | 'removeEventListener'
  >;
  now?: () => number;
  lingerMs?: number;
}

export class BrowserStream implements DeliveryEvents {
  readonly #options: BrowserStreamOptions;
  readonly #listeners = new Set<(event: ChangeEvent) => void>();
  readonly #statusListeners = new Set<() => void>();
  #status: StreamStatus;
  #session?: AbortController;
  #leaveTimer?: ReturnType<typeof setTimeout>;
  #lastEventId?: string;
  #wasAway = false;
  #watchesVisibility = false;

  constructor(options: BrowserStreamOptions) {
    this.#options = options;
    this.#status = { state: 'connecting', sinceMs: this.#now() };
  }

  subscribe(listener: (event: ChangeEvent) => void): () => void {
    this.#listeners.add(listener);
    this.#update();
    return () => {
      this.#listeners.delete(listener);
      this.#update();
    };
  }

  status(): StreamStatus {
    return this.#status;
  }

  onStatus(listener: () => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  #now() {
    return (this.#options.now ?? Date.now)();
  }

  #hidden() {
    return this.#options.visibility?.visibilityState === 'hidden';
  }

  readonly #onVisibility = () => this.#update();

  #update() {
    const hasListeners = this.#listeners.size > 0;
    this.#watchVisibility(hasListeners);
    if (hasListeners && !this.#hidden()) {
      clearTimeout(this.#leaveTimer);
      this.#leaveTimer = undefined;
      if (!this.#session) {
        this.#join();
      }
    } else if (this.#session && this.#leaveTimer === undefined) {
      this.#leaveTimer = setTimeout(
        () => this.#leave(),
        this.#options.lingerMs ?? LINGER_MS,
      );
    }
  }

  #watchVisibility(wanted: boolean) {
    if (wanted === this.#watchesVisibility) {
      return;
    }
    this.#watchesVisibility = wanted;
    const visibility = this.#options.visibility;
    if (wanted) {
      visibility?.addEventListener('visibilitychange', this.#onVisibility);
    } else {
      visibility?.removeEventListener('visibilitychange', this.#onVisibility);
    }
  }

  #leave() {
    this.#leaveTimer = undefined;
    this.#session?.abort();
    this.#session = undefined;
    this.#wasAway = true;
    this.#setStatus({ state: 'connecting' });
  }

  #join() {
    const session = new AbortController();
    this.#session = session;
    if (this.#wasAway) {
      this.#wasAway = false;
      this.#deliver({ id: '', kind: 'reset', subject: '' });
    }
    // Locks or channels that are refused (private windows): a stream of our own.
    this.#run(session.signal).catch(() => this.#lead(session.signal));
  }

  async #run(signal: AbortSignal) {
    const { locks, createChannel, scope } = this.#options;
    if (!locks || !createChannel) {
      await this.#lead(signal);
      return;
    }
    const name = `slipway-delivery:${await scope()}`;
    if (signal.aborted) {
      return;
    }
    const channel = createChannel(name);
    let leading = false;
    channel.onmessage = ({ data }) => {
      if (data.type === 'event') {
        this.#lastEventId = data.event.id || this.#lastEventId;
        this.#deliver(data.event);
      } else if (data.type === 'status') {
        this.#setStatus(data.status);
      } else if (leading) {
        channel.postMessage({ type: 'status', status: this.#status });
      }
    };
    signal.addEventListener('abort', () => channel.close(), { once: true });
    channel.postMessage({ type: 'hello' });
    await locks.request(name, { signal }, async () => {
      leading = true;
      await this.#lead(signal, channel);
    });
  }

  /** Reads the backend's stream until the tab leaves; each break is retried with back-off. */
  async #lead(signal: AbortSignal, channel?: TabChannel) {
    const tell = (state: StreamStatus['state'], reason?: string) => {
      this.#setStatus({ state, reason });
      channel?.postMessage({ type: 'status', status: this.#status });
    };
    const pass = (event: ChangeEvent) => {
      this.#deliver(event);
      channel?.postMessage({ type: 'event', event });
    };
    const run = { failures: 0, attempts: 0 };
    while (!signal.aborted) {
      try {
        await this.#readOnce(run, { tell, pass }, signal);
        // The server ends the stream when the token does: come again soon.
        await sleep(backoffMs(0), signal);
      } catch (error) {
        // What broke does not matter, only what somebody can do about it: the
        // page says that it is not live.
        if (signal.aborted) {
          return;
        }
        run.failures += 1;
        tell('down', refusalOf(error));
        await sleep(backoffMs(run.failures), signal);
      }
    }
  }

  async #readOnce(
    run: { failures: number; attempts: number },
    to: {
      tell: (state: StreamStatus['state']) => void;
      pass: (event: ChangeEvent) => void;
    },
    signal: AbortSignal,
  ) {
    // Between two streams without an id to resume from, anything may have changed.
    const missed = run.attempts > 0 && this.#lastEventId === undefined;
    run.attempts += 1;
    const onOpen = () => {
      if (signal.aborted) {
        return;
      }
      run.failures = 0;
      to.tell('live');
      if (missed) {
        to.pass({ id: '', kind: 'reset', subject: '' });
      }
    };
    const onEvent = (event: ChangeEvent) => {
      // A reset says that the id is too old to resume from.
      this.#lastEventId =
        event.id || (event.kind === 'reset' ? undefined : this.#lastEventId);
      to.pass(event);
    };
    await this.#options.open(
      { lastEventId: this.#lastEventId, onOpen },
      onEvent,
      signal,
    );
  }

  #deliver(event: ChangeEvent) {
    for (const listener of [...this.#listeners]) {
      listener(event);
    }
  }

  #setStatus(status: Omit<StreamStatus, 'sinceMs'> & { sinceMs?: number }) {
    const { state, reason } = status;
    const same = state === this.#status.state;
    if (same && reason === this.#status.reason) {
      return;
    }
    const sinceMs =
      status.sinceMs ?? (same ? this.#status.sinceMs : this.#now());
    this.#status = { state, sinceMs, ...(reason && { reason }) };
    for (const listener of [...this.#statusListeners]) {
      listener();
    }
  }
}

/** Too many streams: what the backend says to do about it. */
function refusalOf(error: unknown): string | undefined {
  return isError(error) && error.statusCode === 429 && isError(error.cause)
    ? error.cause.message
    : undefined;
}
