import { createHash } from 'node:crypto';
import { Agent, Dispatcher, fetch } from 'undici';
import { Endpoint, EndpointSource } from './endpoint';
import { KubeApiError, KubeStatus, KubeUnreachableError } from './errors';
import { rest } from './rest';
import { RequestNote } from './types';

/** An answer that is no stream has to be whole within this time. */
const ANSWER_LIMIT_MS = 30_000;
/** A new connection costs a handshake; API servers keep an idle one for 90 s. */
const KEEP_ALIVE_MS = 30_000;
const MAX_TRIES_ON_429 = 4;
/**
 * In all, for one answer. Who asks for longer is told to the caller at once: the
 * engine gives a look 5 s, and would learn no more than that they were over.
 */
const MAX_WAIT_MS = 3_000;
/** A server that has a hiccup is asked once more, where asking changes nothing. */
const ASK_AGAIN_AFTER_MS = 100;
const HICCUPS = [500, 502, 503];
/** Of the text of a refusal. */
const MAX_STATUS_BYTES = 256 * 1024;

export interface TransportRequest {
  method: string;
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  accept?: string;
  /** The answer is read piece by piece, and takes as long as it takes. */
  stream?: boolean;
}

type FetchResponse = Awaited<ReturnType<typeof fetch>>;

export interface Transport {
  (request: TransportRequest, signal: AbortSignal): Promise<FetchResponse>;
  /** Ends all connections; what is under way fails. Once is enough. */
  close(): Promise<void>;
}

/**
 * Requests to one cluster. Credentials are asked for before each request, and
 * once more when the server does not know them (401), so that expiring tokens,
 * exec plugins and mounted token files are followed; connections are kept for
 * as long as the TLS material is the same.
 */
export function createTransport(options: {
  cluster: string;
  endpoint: EndpointSource;
  /** Counts requests, for budgets and benches. */
  onRequest?: (note: RequestNote) => void;
  /** Default 30,000. */
  answerLimitMs?: number;
}): Transport {
  const { cluster, endpoint, onRequest } = options;
  const answerLimitMs = options.answerLimitMs ?? ANSWER_LIMIT_MS;
  const agents = createAgents(answerLimitMs);
  const closed = new AbortController();

  async function once(request: TransportRequest, signal: AbortSignal) {
    const name = `${request.method} ${request.path}`;
    const startedAtMs = Date.now();
    const note = (status: RequestNote['status']) =>
      onRequest?.({
        verb: request.method,
        path: request.path,
        status,
        durationMs: Date.now() - startedAtMs,
      });
    const limits = [signal, closed.signal];
    const limited = AbortSignal.any(
      request.stream ? limits : [...limits, AbortSignal.timeout(answerLimitMs)],
    );
    try {
      const { server, tls, headers } = await unlessAborted(
        endpoint.current(),
        limited,
      );
      const response = await fetch(urlOf(server, request), {
        method: request.method,
        dispatcher: agents.of(tls),
        // A redirect would carry our credentials to who knows where.
        redirect: 'error',
        signal: limited,
        headers: {
          ...headers,
          Accept: request.accept ?? 'application/json',
          ...(request.body !== undefined && {
            'Content-Type': request.contentType ?? 'application/json',
          }),
        },
        ...(request.body !== undefined && {
          body: JSON.stringify(request.body),
        }),
      });
      note(response.status);
      return response;
    } catch (error) {
      signal.throwIfAborted();
      note('network');
      throw new KubeUnreachableError(cluster, name, error);
    }
  }

  async function send(request: TransportRequest, signal: AbortSignal) {
    let renewed = false;
    let isAskedAgain = false;
    let waitedMs = 0;
    for (let attempt = 1; ; attempt += 1) {
      const response = await once(request, signal);
      if (response.ok) {
        return response;
      }
      const body = await readStatus(response);
      if (response.status === 401 && !renewed) {
        renewed = true;
        endpoint.renew();
        continue;
      }
      const isHiccup: boolean = !isAskedAgain && mayAskAgain(request, response);
      const isRepeated =
        isHiccup || (response.status === 429 && attempt < MAX_TRIES_ON_429);
      const waitMs = waitBeforeMs(response, body);
      if (!isRepeated || waitedMs + waitMs > MAX_WAIT_MS) {
        throw new KubeApiError(
          cluster,
          `${request.method} ${request.path}`,
          response.status,
          body,
        );
      }
      isAskedAgain ||= isHiccup;
      waitedMs += waitMs;
      await rest(waitMs, signal);
      signal.throwIfAborted();
    }
  }

  return Object.assign(send, {
    close: async () => {
      closed.abort(new Error('the client was closed'));
      await agents.close();
    },
  });
}

function urlOf(server: string, request: TransportRequest): URL {
  const url = new URL(server.replace(/\/+$/, '') + request.path);
  for (const [key, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) {
      url.searchParams.set(key, String(value));
    }
  }
  return url;
}

/** One pool of connections, until the TLS material changes. */
function createAgents(answerLimitMs: number) {
  let agent: { key: string; dispatcher: Agent } | undefined;
  return {
    of(tls: Endpoint['tls']): Dispatcher {
      const { lookup, ...material } = tls;
      const key = createHash('sha256')
        .update(JSON.stringify(material, (_, value) => value ?? 'none'))
        .digest('hex');
      if (agent?.key !== key) {
        // What is under way on the old connections ends on its own.
        agent?.dispatcher.close().catch(() => undefined);
        agent = {
          key,
          dispatcher: new Agent({
            connect: { ...material, ...(lookup && { lookup }) },
            keepAliveTimeout: KEEP_ALIVE_MS,
            // Watches and logs are quiet for long; their readers keep the time.
            bodyTimeout: 0,
            headersTimeout: answerLimitMs,
          }),
        };
      }
      return agent.dispatcher;
    },
    async close() {
      await agent?.dispatcher.destroy();
    },
  };
}

async function readStatus(response: FetchResponse): Promise<KubeStatus> {
  const text = await readBounded(response, MAX_STATUS_BYTES);
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) {
      return body;
    }
  } catch (error) {
    // Proxies answer in plain text or HTML: its beginning says enough.
    if (!(error instanceof SyntaxError)) {
      throw error;
    }
  }
  return { message: text.slice(0, 300) || response.statusText };
}

/** As much of the text as fits; what breaks off is as good as what is there. */
async function readBounded(
  response: FetchResponse,
  maxBytes: number,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= maxBytes) {
        break;
      }
    }
  } catch (error) {
    chunks.push(Buffer.from(` (the answer broke off: ${error})`));
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, maxBytes);
}

/** Whether it is the server that has trouble, and asking it again changes nothing. */
function mayAskAgain(
  { method, stream }: TransportRequest,
  { status }: FetchResponse,
): boolean {
  return HICCUPS.includes(status) && method === 'GET' && !stream;
}

/** As the server asks; what has a hiccup and asks for nothing gets a moment. */
function waitBeforeMs(response: FetchResponse, body: KubeStatus): number {
  const asked = response.headers.get('retry-after');
  if (asked === null && HICCUPS.includes(response.status)) {
    return ASK_AGAIN_AFTER_MS;
  }
  const seconds = Number(asked ?? body.details?.retryAfterSeconds ?? 1);
  return Math.max((Number.isFinite(seconds) ? seconds : 1) * 1_000, 0);
}

function unlessAborted<T>(wanted: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    wanted
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}
