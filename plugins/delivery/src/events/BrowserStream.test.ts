import { ResponseError } from '@backstage/errors';
import { ChangeEvent } from '@slipway/backstage-plugin-delivery-common';
import { BrowserStream, BrowserStreamOptions } from './BrowserStream';
import { OpenStream, TabChannel, TabLocks, TabMessage } from './types';

class FakeChannel implements TabChannel {
  onmessage: TabChannel['onmessage'] = null;
  readonly #peers: Set<FakeChannel>;

  constructor(peers: Set<FakeChannel>) {
    this.#peers = peers;
  }

  postMessage(message: TabMessage) {
    for (const peer of this.#peers) {
      if (peer !== this) {
        queueMicrotask(() =>
          peer.onmessage?.(new MessageEvent('message', { data: message })),
        );
      }
    }
  }

  close() {
    this.#peers.delete(this);
    this.onmessage = null;
  }
}

/** Channels and locks of one browser, shared by its tabs. */
class Browser {
  readonly #channels = new Map<string, Set<FakeChannel>>();
  readonly #queues = new Map<string, Promise<void>>();

  createChannel = (name: string): TabChannel => {
    const peers = this.#channels.get(name) ?? new Set();
    this.#channels.set(name, peers);
    const channel = new FakeChannel(peers);
    peers.add(channel);
    return channel;
  };

  readonly locks: TabLocks = {
    request: async (name, { signal }, whileHeld) => {
      const before = this.#queues.get(name) ?? Promise.resolve();
      let release: () => void = () => {};
      this.#queues.set(
        name,
        new Promise(resolve => {
          release = resolve;
        }),
      );
      await before;
      if (signal.aborted) {
        release();
        throw new DOMException('aborted', 'AbortError');
      }
      try {
        await whileHeld();
      } finally {
        release();
      }
    },
  };
}

/** A backend whose streams a test opens, feeds and breaks. */
class Backend {
  readonly streams: Array<{
    lastEventId?: string;
    emit: (event: ChangeEvent) => void;
    breakOff: () => void;
    closed: boolean;
  }> = [];
  reachable = true;

  open: OpenStream = (request, onEvent, signal) =>
    new Promise((resolve, reject) => {
      if (!this.reachable) {
        reject(new Error('not reachable'));
        return;
      }
      const stream = {
        lastEventId: request.lastEventId,
        emit: onEvent,
        breakOff: () => reject(new Error('broken')),
        closed: false,
      };
      this.streams.push(stream);
      signal.addEventListener('abort', () => {
        stream.closed = true;
        resolve();
      });
      request.onOpen();
    });

  get running() {
    return this.streams.filter(it => !it.closed);
  }
}

class Visibility extends EventTarget {
  visibilityState: DocumentVisibilityState = 'visible';

  set(state: DocumentVisibilityState) {
    this.visibilityState = state;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

function tab(
  browser: Browser | undefined,
  backend: Backend,
  options: Partial<BrowserStreamOptions> = {},
) {
  const stream = new BrowserStream({
    open: backend.open,
    scope: async () => 'user:default/ada',
    locks: browser?.locks,
    createChannel: browser?.createChannel,
    lingerMs: 0,
    ...options,
  });
  const heard: string[] = [];
  const leave = stream.subscribe(({ id, kind }) => heard.push(id || kind));
  return { stream, heard, leave };
}

function event(id: string): ChangeEvent {
  return { id, kind: 'target', subject: 'x' };
}

/** Polls until it holds; a deadline instead of a sleep. */
async function until(condition: () => boolean, what: string) {
  const deadlineMs = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadlineMs) {
      throw new Error(`Gave up waiting until ${what}`);
    }
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

describe('BrowserStream', () => {
  it('opens one stream for all tabs of a browser, and every tab hears', async () => {
    const browser = new Browser();
    const backend = new Backend();
    const tabs = [1, 2, 3].map(() => tab(browser, backend));
    await until(
      () => tabs.every(it => it.stream.status().state === 'live'),
      'all tabs are live',
    );
    expect(backend.streams).toHaveLength(1);
    backend.streams[0].emit(event('1'));
    await until(() => tabs.every(it => it.heard.includes('1')), 'all heard');
    tabs.forEach(it => it.leave());
    await until(() => backend.running.length === 0, 'the stream is closed');
  });

  it('passes the stream on when the leading tab goes, resuming from the last event', async () => {
    const browser = new Browser();
    const backend = new Backend();
    const first = tab(browser, backend);
    const second = tab(browser, backend);
    await until(() => second.stream.status().state === 'live', 'live');
    backend.streams[0].emit(event('7'));
    await until(() => second.heard.includes('7'), 'the follower heard');
    first.leave();
    await until(() => backend.streams.length === 2, 'the other one leads');
    expect(backend.streams[0].closed).toBe(true);
    expect(backend.streams[1].lastEventId).toBe('7');
    backend.streams[1].emit(event('8'));
    await until(() => second.heard.includes('8'), 'the new leader heard');
    second.leave();
  });

  it('lets go when the tab is hidden, and fetches anew when it is seen again', async () => {
    const backend = new Backend();
    const visibility = new Visibility();
    const only = tab(new Browser(), backend, { visibility });
    await until(() => backend.running.length === 1, 'it is open');
    visibility.set('hidden');
    await until(() => backend.running.length === 0, 'it let go');
    visibility.set('visible');
    await until(() => backend.running.length === 1, 'it is open again');
    expect(only.heard).toEqual(['reset']);
    only.leave();
  });

  it('reads a stream of its own where the browser knows no locks', async () => {
    const backend = new Backend();
    const tabs = [tab(undefined, backend), tab(undefined, backend)];
    await until(() => backend.running.length === 2, 'two streams');
    tabs.forEach(it => it.leave());
    await until(() => backend.running.length === 0, 'both let go');
    expect(backend.streams).toHaveLength(2);
  });

  it('says since when it is down, comes back by itself, and has everything fetched that may have changed', async () => {
    const backend = new Backend();
    const only = tab(new Browser(), backend);
    await until(() => only.stream.status().state === 'live', 'live');
    backend.reachable = false;
    backend.streams[0].breakOff();
    await until(() => only.stream.status().state === 'down', 'down');
    expect(only.stream.status().sinceMs).toBeLessThanOrEqual(Date.now());
    backend.reachable = true;
    await until(() => only.stream.status().state === 'live', 'live again');
    // It had no event to resume from.
    expect(only.heard).toEqual(['reset']);
    only.leave();
  });

  it('says in every tab what the backend says to do when it refuses one more stream', async () => {
    const browser = new Browser();
    let refuses = true;
    const backend = new Backend();
    const open: OpenStream = async (...request) => {
      if (refuses) {
        throw await ResponseError.fromResponse(
          new Response(
            JSON.stringify({
              error: {
                name: 'TooManyStreamsError',
                message: 'Close other windows',
              },
              response: { statusCode: 429 },
            }),
            {
              status: 429,
              headers: { 'content-type': 'application/json' },
            },
          ),
        );
      }
      return backend.open(...request);
    };
    const tabs = [1, 2].map(() => tab(browser, backend, { open }));
    const reasons = () => tabs.map(it => it.stream.status().reason);
    await until(() => !reasons().includes(undefined), 'both say why');
    expect(reasons()).toEqual(['Close other windows', 'Close other windows']);
    refuses = false;
    await until(
      () => tabs.every(it => it.stream.status().state === 'live'),
      'both are live',
    );
    expect(reasons()).toEqual([undefined, undefined]);
    tabs.forEach(it => it.leave());
  });

  it('resumes from the last event after a break, without fetching everything', async () => {
    const backend = new Backend();
    const only = tab(new Browser(), backend);
    await until(() => backend.running.length === 1, 'open');
    backend.streams[0].emit(event('41'));
    backend.streams[0].breakOff();
    await until(() => backend.streams.length === 2, 'open again');
    expect(backend.streams[1].lastEventId).toBe('41');
    expect(only.heard).toEqual(['41']);
    only.leave();
  });

  it('keeps the streams of two users apart', async () => {
    const browser = new Browser();
    const backend = new Backend();
    const ada = tab(browser, backend);
    const grace = tab(browser, backend, {
      scope: async () => 'user:default/grace',
    });
    await until(() => backend.running.length === 2, 'two streams');
    backend.streams[0].emit(event('1'));
    await until(() => ada.heard.length + grace.heard.length > 0, 'one heard');
    expect([...ada.heard, ...grace.heard]).toEqual(['1']);
    ada.leave();
    grace.leave();
  });
});
