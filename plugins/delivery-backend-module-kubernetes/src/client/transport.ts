import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Agent, Dispatcher, fetch } from 'undici';
import { KubeApiError, KubeStatus, KubeUnreachableError } from './errors';
import { RequestNote } from './types';

/** An answer that is no stream has to be whole within this time. */
const ANSWER_LIMIT_MS = 30_000;
const MAX_TRIES_ON_429 = 4;
const MAX_RETRY_AFTER_MS = 10_000;

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

export type Transport = (
  request: TransportRequest,
  signal: AbortSignal,
) => Promise<Awaited<ReturnType<typeof fetch>>>;

/**
 * Requests to the current cluster of a kubeconfig, with its current user.
 * Credentials are asked for before each request, so that expiring tokens, exec
 * plugins and mounted token files are followed; connections are kept for as
 * long as the TLS material is the same.
 */
export function createTransport(options: {
  cluster: string;
  kubeConfig: KubeConfig;
  /** Counts requests, for budgets and benches. */
  onRequest?: (note: RequestNote) => void;
}): Transport & { close(): Promise<void> } {
  const { cluster, kubeConfig, onRequest } = options;
  let agent: { key: string; dispatcher: Agent } | undefined;

  async function credentials(): Promise<{
    dispatcher: Dispatcher;
    headers: Record<string, string>;
    server: string;
  }> {
    const current = kubeConfig.getCurrentCluster();
    if (!current) {
      throw new Error(`the configuration of ${cluster} names no cluster`);
    }
    const tls: RequestOptions = {};
    await kubeConfig.applyToHTTPSOptions(tls);
    const connect = {
      ca: tls.ca,
      cert: tls.cert,
      key: tls.key,
      rejectUnauthorized: tls.rejectUnauthorized,
      servername: tls.servername,
    };
    const key = createHash('sha256')
      .update(JSON.stringify(connect, (_, value) => value ?? 'none'))
      .digest('hex');
    if (agent?.key !== key) {
      agent?.dispatcher.close().catch(() => undefined);
      agent = {
        key,
        dispatcher: new Agent({
          connect,
          // Watches and logs are quiet for long; their readers keep the time.
          bodyTimeout: 0,
          headersTimeout: ANSWER_LIMIT_MS,
        }),
      };
    }
    const headers = Object.fromEntries(
      Object.entries(tls.headers ?? {}).map(([name, value]) => [
        name,
        String(value),
      ]),
    );
    if (tls.auth) {
      headers.Authorization = `Basic ${Buffer.from(tls.auth).toString(
        'base64',
      )}`;
    }
    return { dispatcher: agent.dispatcher, headers, server: current.server };
  }

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
    const limited = request.stream
      ? signal
      : AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
    try {
      const { dispatcher, headers, server } = await credentials();
      const url = new URL(server.replace(/\/+$/, '') + request.path);
      for (const [key, value] of Object.entries(request.query ?? {})) {
        if (value !== undefined) {
          url.searchParams.set(key, String(value));
        }
      }
      const response = await fetch(url, {
        method: request.method,
        dispatcher,
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

  const send: Transport = async (request, signal) => {
    for (let attempt = 1; ; attempt += 1) {
      const response = await once(request, signal);
      if (response.ok) {
        return response;
      }
      const body = await readStatus(response);
      if (response.status !== 429 || attempt >= MAX_TRIES_ON_429) {
        throw new KubeApiError(
          cluster,
          `${request.method} ${request.path}`,
          response.status,
          body,
        );
      }
      const seconds = Number(
        response.headers.get('retry-after') ??
          body.details?.retryAfterSeconds ??
          1,
      );
      await pause(
        Math.min(
          (Number.isFinite(seconds) ? seconds : 1) * 1_000,
          MAX_RETRY_AFTER_MS,
        ),
        signal,
      );
    }
  };
  return Object.assign(send, {
    close: async () => {
      await agent?.dispatcher.destroy();
    },
  });
}

async function readStatus(
  response: Awaited<ReturnType<typeof fetch>>,
): Promise<KubeStatus> {
  const text = await response.text();
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) {
      return body;
    }
  } catch {
    // Proxies answer in plain text or HTML: its beginning says enough.
  }
  return { message: text.slice(0, 300) || response.statusText };
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, durationMs);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
