import { ChangeEvent } from '../api';
import { EventStreamParser } from '../sse';
import { DeliveryRequests } from './request';

/*
 * Server-sent events over fetch: EventSource cannot send a token in a header.
 * The stream ends for ordinary reasons (the token, a proxy, a restart of the
 * backend). With `reconnect` the client comes back by itself with the last id
 * it saw, with growing waits while the stream cannot be kept; without, the
 * caller decides what to do and resumes from the last event that it got.
 */

export interface EventStreamOptions {
  lastEventId?: string;
  services?: string[];
  /** Come back after a break until the signal aborts; default: end with it. */
  reconnect?: boolean;
  /** Called each time that the backend has answered, before the first event. */
  onOpen?: () => void;
  /** Called when a connection was lost or refused and will be tried again. */
  onDisconnect?: (error: Error | undefined) => void;
  /** First and longest wait between two attempts. */
  backOff?: { firstMs: number; maxMs: number };
  /** Without a sign of life for so long the connection is given up. */
  silenceMs?: number;
}

const BACK_OFF = { firstMs: 500, maxMs: 30_000 };
/** Three keep-alive comments that did not come. */
const SILENCE_MS = 50_000;
/** Shorter streams count as failures, so that a backend in a loop is spared. */
const ALIVE_MS = 5_000;
/** What no repetition mends: the caller has to know. */
const FINAL_STATUSES = [400, 401, 403, 404];

/**
 * Follows the stream. Without `reconnect` it resolves when the server ends the
 * stream and rejects when the connection cannot be made or breaks. With it,
 * only the signal ends it, and errors that no repetition mends (a bad request,
 * no permission). An aborted signal resolves.
 */
export async function followEvents(
  requests: DeliveryRequests,
  options: EventStreamOptions,
  onEvent: (event: ChangeEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const backOff = options.backOff ?? BACK_OFF;
  let { lastEventId } = options;
  const onId = (id: string) => {
    lastEventId = id;
  };
  let waitMs = backOff.firstMs;
  while (!signal.aborted) {
    const openedAtMs = Date.now();
    let failure: Error | undefined;
    try {
      await readOnce(
        requests,
        { ...options, lastEventId },
        { onId, onEvent },
        signal,
      );
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (!options.reconnect || isFinal(error)) {
        throw error;
      }
      failure = error instanceof Error ? error : new Error(String(error));
    }
    if (signal.aborted || !options.reconnect) {
      return;
    }
    options.onDisconnect?.(failure);
    if (Date.now() - openedAtMs >= ALIVE_MS) {
      waitMs = backOff.firstMs;
    }
    // Jitter, so that a thousand browsers do not come back in one moment.
    await sleep(waitMs * (0.5 + Math.random() / 2), signal);
    waitMs = Math.min(waitMs * 2, backOff.maxMs);
  }
}

async function readOnce(
  requests: DeliveryRequests,
  options: EventStreamOptions,
  handlers: { onId(id: string): void; onEvent(event: ChangeEvent): void },
  signal: AbortSignal,
) {
  const controller = new AbortController();
  const stop = () => controller.abort();
  signal.addEventListener('abort', stop, { once: true });
  let silence: ReturnType<typeof setTimeout> | undefined;
  const silenceMs = options.silenceMs ?? SILENCE_MS;
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(
      () =>
        controller.abort(
          new Error(`The event stream was silent for ${silenceMs} ms`),
        ),
      silenceMs,
    );
  };
  try {
    alive();
    const response = await requests.raw(
      '/v1/events',
      { services: options.services?.join(',') },
      {
        headers: {
          Accept: 'text/event-stream',
          ...(options.lastEventId && { 'Last-Event-ID': options.lastEventId }),
        },
        cache: 'no-store',
        signal: controller.signal,
      },
    );
    if (!response.body) {
      throw new Error('The event stream has no body');
    }
    options.onOpen?.();
    const parser = new EventStreamParser({
      onId: handlers.onId,
      onEvent: ({ id, data }) => {
        handlers.onEvent(JSON.parse(data));
        if (id !== undefined) {
          handlers.onId(id);
        }
      },
    });
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      alive();
      parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', stop);
    // Also when a handler threw: the connection must not stay open.
    controller.abort();
  }
}

function isFinal(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'statusCode' in error &&
    FINAL_STATUSES.some(status => status === error.statusCode)
  );
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    let timer: ReturnType<typeof setTimeout> | undefined = undefined;
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
