import {
  ConflictError,
  InputError,
  NotFoundError,
  ServiceUnavailableError,
} from '@backstage/errors';
import { LoggerService } from '@backstage/backend-plugin-api';
import {
  DigestMismatchError,
  StaleEpochError,
} from '@slipway/backstage-plugin-delivery-node';
import { LocaldEndpoint, ensureLocald, untilAborted } from '../locald';

const TIMEOUT_MS = 15_000;

export interface LocaldClientOptions {
  dataDirectory: string;
  logger: LoggerService;
}

export interface LocaldCall {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Segments below `/v1`, not encoded. */
  path: string[];
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  signal: AbortSignal;
  timeoutMs?: number;
}

/**
 * Calls slipway-locald, and starts it when it does not answer. Every call is
 * idempotent, so one that met a dying slipway-locald is simply made again.
 */
export class LocaldClient {
  private endpoint: Promise<LocaldEndpoint> | undefined;

  constructor(private readonly options: LocaldClientOptions) {}

  /** Errors: as sent by slipway-locald; `ServiceUnavailableError` without it. */
  async call<T>(call: LocaldCall): Promise<T> {
    const signal = AbortSignal.any([
      call.signal,
      AbortSignal.timeout(call.timeoutMs ?? TIMEOUT_MS),
    ]);
    const response = await this.send(call, signal);
    const answer = await response.json();
    if (!response.ok) {
      throw toError(answer?.error, response.status);
    }
    return answer;
  }

  /** Lines of an endless answer, until the signal or an error. */
  async *lines(
    path: string[],
    signal: AbortSignal,
  ): AsyncGenerator<string, void, undefined> {
    const response = await this.send({ method: 'GET', path, signal }, signal);
    if (!response.ok || !response.body) {
      throw new ServiceUnavailableError(
        `slipway-locald answered ${response.status} to ${path.join('/')}`,
      );
    }
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of response.body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(
        '\n',
      );
      rest = lines.pop() ?? '';
      yield* lines;
    }
  }

  private async send(call: LocaldCall, signal: AbortSignal): Promise<Response> {
    const first = await untilAborted(this.find(), signal);
    try {
      return await this.fetch(first, call, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.options.logger.debug(`slipway-locald does not answer: ${error}`);
      this.endpoint = undefined;
      const again = await untilAborted(this.find(), signal);
      return this.fetch(again, call, signal);
    }
  }

  private find(): Promise<LocaldEndpoint> {
    if (!this.endpoint) {
      const endpoint = ensureLocald(this.options);
      this.endpoint = endpoint;
      endpoint.catch(() => {
        if (this.endpoint === endpoint) {
          this.endpoint = undefined;
        }
      });
    }
    return this.endpoint;
  }

  private async fetch(
    endpoint: LocaldEndpoint,
    call: LocaldCall,
    signal: AbortSignal,
  ): Promise<Response> {
    const url = new URL(
      `${endpoint.url}/v1/${call.path.map(encodeURIComponent).join('/')}`,
    );
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) {
        url.searchParams.set(name, `${value}`);
      }
    }
    return fetch(url, {
      method: call.method,
      headers: {
        authorization: `Bearer ${endpoint.token}`,
        ...(call.body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
      signal,
    });
  }
}

function toError(
  error:
    | { name?: string; message?: string; ours?: number; theirs?: number }
    | undefined,
  status: number,
): Error {
  const message = error?.message ?? `slipway-locald answered ${status}`;
  switch (error?.name) {
    case 'StaleEpochError':
      return new StaleEpochError(error.ours ?? 0, error.theirs ?? 0);
    case 'InputError':
      return new InputError(message);
    case 'DigestMismatchError':
      return new DigestMismatchError(message);
    case 'NotFoundError':
      return new NotFoundError(message);
    case 'ConflictError':
      return new ConflictError(message);
    default:
      return new ServiceUnavailableError(`slipway-locald: ${message}`);
  }
}
