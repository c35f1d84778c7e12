import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  InputError,
  NotAllowedError,
  NotFoundError,
  isError,
} from '@backstage/errors';
import { RegistryAccess } from '../ports';
import { RegistryAuth } from './registryAuth';

const MAX_REDIRECTS = 5;
const MAX_ATTEMPTS = 4;
const MAX_RETRY_AFTER_MS = 60_000;
const FIRST_BACKOFF_MS = 200;
const ERROR_BODY_BYTES = 16 * 1024;

/** @public */
export interface RegistryHttpOptions {
  fetch?: typeof fetch;
  /** How long to wait for the start of an answer. */
  headersTimeoutMs?: number;
  /** How long a body may stand still. */
  stallTimeoutMs?: number;
}

interface RegistryRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute, or relative to the registry. */
  url: string | URL;
  /** `repository:name:pull` and the like, separated by blanks. */
  scope: string;
  headers?: Record<string, string>;
  /** Bytes, or what opens the stream anew for each attempt. */
  body?: Buffer | (() => Readable);
  /** Statuses that are answers; all others are thrown. */
  accept: readonly number[];
  signal?: AbortSignal;
}

function retryAfterMs(response: Response): number | undefined {
  const header = response.headers.get('retry-after');
  if (!header) {
    return undefined;
  }
  const seconds = Number(header);
  const waitMs = Number.isFinite(seconds)
    ? seconds * 1000
    : Date.parse(header) - Date.now();
  return Number.isFinite(waitMs)
    ? Math.min(Math.max(waitMs, 0), MAX_RETRY_AFTER_MS)
    : undefined;
}

function isTransient(status: number): boolean {
  return status === 429 || status === 408 || status >= 500;
}

/** What an answer says went wrong, shortened; registries put it in `errors`. */
async function describeError(response: Response): Promise<string> {
  let text = '';
  if (response.body) {
    const decoder = new TextDecoder();
    for await (const chunk of response.body) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > ERROR_BODY_BYTES) {
        break;
      }
    }
  }
  try {
    const parsed: { errors?: Array<{ code?: string; message?: string }> } =
      JSON.parse(text);
    const first = parsed.errors?.[0];
    if (first) {
      return `${first.code ?? 'UNKNOWN'}: ${first.message ?? ''}`.slice(0, 300);
    }
  } catch (error) {
    if (!isError(error) || error.name !== 'SyntaxError') {
      throw error;
    }
  }
  return text.slice(0, 300) || response.statusText;
}

/**
 * Sends requests to one registry: authentication, retries with the server's
 * own wish for a pause, redirects without our credentials, time limits.
 */
export class RegistryHttp {
  readonly base: URL;
  private readonly auth: RegistryAuth;
  private readonly fetchFn: typeof fetch;
  private readonly headersTimeoutMs: number;
  readonly stallTimeoutMs: number;

  constructor(
    readonly access: RegistryAccess,
    options: RegistryHttpOptions = {},
  ) {
    this.base = new URL(access.url);
    if (!['http:', 'https:'].includes(this.base.protocol)) {
      throw new InputError(
        `Registry address "${access.url}" is not http or https`,
      );
    }
    // Looked up at each call, so that tests can put another one in its place.
    this.fetchFn = options.fetch ?? ((...args) => fetch(...args));
    this.headersTimeoutMs = options.headersTimeoutMs ?? 60_000;
    this.stallTimeoutMs = options.stallTimeoutMs ?? 60_000;
    this.auth = new RegistryAuth(this.base, access.credentials, this.fetchFn);
  }

  /**
   * Errors: `NotFoundError` for 404, `NotAllowedError` for 403,
   * `AuthenticationError`, and `Error` for anything else that is not accepted.
   */
  async send(request: RegistryRequest): Promise<Response> {
    const url = new URL(request.url, this.base);
    for (let attempt = 1; ; attempt += 1) {
      request.signal?.throwIfAborted();
      let response: Response;
      try {
        response = await this.sendAuthenticated(request, url);
      } catch (error) {
        if (
          attempt >= MAX_ATTEMPTS ||
          !isError(error) ||
          error.name !== 'TypeError' ||
          request.signal?.aborted
        ) {
          throw error;
        }
        await this.backOff(attempt, undefined, request.signal);
        continue;
      }
      if (request.accept.includes(response.status)) {
        return response;
      }
      if (isTransient(response.status) && attempt < MAX_ATTEMPTS) {
        await response.body?.cancel();
        await this.backOff(attempt, retryAfterMs(response), request.signal);
        continue;
      }
      const where = `${request.method} ${url.origin}${url.pathname}`;
      const what = `Registry ${this.base.host} answered ${
        response.status
      } to ${where}: ${await describeError(response)}`;
      if (response.status === 404) {
        throw new NotFoundError(what);
      }
      if (response.status === 403) {
        throw new NotAllowedError(what);
      }
      throw new Error(what);
    }
  }

  private async backOff(
    attempt: number,
    wantedMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const waitMs = wantedMs ?? FIRST_BACKOFF_MS * 2 ** (attempt - 1);
    await delay(waitMs, undefined, { signal });
  }

  private async sendAuthenticated(
    request: RegistryRequest,
    url: URL,
  ): Promise<Response> {
    const isOurs = url.origin === this.base.origin;
    const known = isOurs ? this.auth.known(request.scope) : undefined;
    const response = await this.sendFollowing(request, url, known);
    if (response.status !== 401 || !isOurs) {
      return response;
    }
    await response.body?.cancel();
    this.auth.forget(request.scope);
    const authorization = await this.auth.answer(
      response.headers.get('www-authenticate') ?? undefined,
      request.scope,
      request.signal ?? AbortSignal.timeout(this.headersTimeoutMs),
    );
    return this.sendFollowing(request, url, authorization);
  }

  private async sendFollowing(
    request: RegistryRequest,
    first: URL,
    authorization: string | undefined,
  ): Promise<Response> {
    let url = first;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const isOurs = url.origin === this.base.origin;
      const response = await this.sendOnce(request, url, {
        ...request.headers,
        ...(authorization && isOurs && { authorization }),
      });
      const location = response.headers.get('location');
      const isRedirect =
        [301, 302, 303, 307, 308].includes(response.status) && location;
      if (
        !isRedirect ||
        (request.method !== 'GET' && request.method !== 'HEAD')
      ) {
        return response;
      }
      await response.body?.cancel();
      const next = new URL(location, url);
      if (
        !['http:', 'https:'].includes(next.protocol) ||
        (url.protocol === 'https:' && next.protocol === 'http:')
      ) {
        throw new InputError(
          `Registry ${this.base.host} redirects to ${next.protocol}//${next.host}, which is less secure than where we were`,
        );
      }
      url = next;
    }
    throw new Error(
      `Registry ${this.base.host} redirects more than ${MAX_REDIRECTS} times`,
    );
  }

  private async sendOnce(
    request: RegistryRequest,
    url: URL,
    headers: Record<string, string>,
  ): Promise<Response> {
    const waiting = new AbortController();
    // Uploads may take long before the answer starts: they are bounded by the
    // caller's signal and by the connection itself.
    const timer =
      typeof request.body === 'function'
        ? undefined
        : setTimeout(
            () =>
              waiting.abort(
                new TypeError(
                  `Registry ${this.base.host} did not answer within ${this.headersTimeoutMs} ms`,
                ),
              ),
            this.headersTimeoutMs,
          );
    const signal = request.signal
      ? AbortSignal.any([request.signal, waiting.signal])
      : waiting.signal;
    const { body } = request;
    const stream = typeof body === 'function' ? body() : undefined;
    try {
      return await this.fetchFn(url, {
        method: request.method,
        headers,
        redirect: 'manual',
        signal,
        ...(stream
          ? { body: toWebStream(stream), duplex: 'half' as const }
          : Buffer.isBuffer(body) && { body: new Uint8Array(body) }),
      });
    } catch (error) {
      stream?.destroy();
      // What failed first is the reason: our own stream, not the connection.
      throw stream?.errored ?? error;
    } finally {
      clearTimeout(timer);
    }
  }
}

function toWebStream(stream: Readable): ReadableStream<Uint8Array> {
  const iterator = stream[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) {
        controller.close();
      } else {
        controller.enqueue(value);
      }
    },
    async cancel() {
      stream.destroy();
    },
  });
}
