import { ServiceUnavailableError } from '@backstage/errors';

const MAX_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 8_000;

/** What Prometheus answers to an instant query. @public */
export interface InstantAnswer {
  /** The numbers of all series; a scalar is one. */
  values: Array<{ labels: Record<string, string>; value: number }>;
  /** Answers that may miss something say so here. */
  warnings: string[];
}

/** Asks one server. @public */
export interface PrometheusClient {
  /**
   * Errors: `ServiceUnavailableError` when there is no usable answer;
   * `PrometheusQueryError` when Prometheus refuses the query.
   */
  query(
    query: string,
    atMs: number,
    signal: AbortSignal,
  ): Promise<InstantAnswer>;
}

/** Prometheus understood the request and cannot answer it. @public */
export class PrometheusQueryError extends Error {
  readonly name = 'PrometheusQueryError';
  constructor(readonly type: string, message: string) {
    super(`${type}: ${message}`);
  }
}

/**
 * The HTTP API of one server (https://prometheus.io/docs/prometheus/latest/querying/api/).
 * Its address is the platform's; redirects are not followed, and answers are
 * bounded in time and size.
 *
 * @public
 */
export function createPrometheusClient(options: {
  name: string;
  url: URL;
  headers: Record<string, string>;
}): PrometheusClient {
  const { name, headers } = options;
  const url = new URL(options.url);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v1/query`;

  async function post(form: URLSearchParams, signal: AbortSignal) {
    try {
      return await fetch(url, {
        method: 'POST',
        redirect: 'error',
        headers: {
          ...headers,
          Accept: 'application/json',
          'Content-Type': 'application/x-www-form-urlencoded',
        },
        body: form.toString(),
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw new ServiceUnavailableError(
        `${name} at ${url.origin} did not answer: ${causeOf(error)}`,
        error,
      );
    }
  }

  return {
    async query(query, atMs, signal) {
      const form = new URLSearchParams({
        query,
        time: (atMs / 1_000).toFixed(3),
        timeout: `${TIMEOUT_MS}ms`,
        // One more than can be used: to say that there are several.
        limit: '20',
      });
      const response = await post(form, signal);
      const text = await readBounded(response, name, signal);
      const answer = parse(text);
      if (answer?.status === 'error') {
        throw new PrometheusQueryError(
          String(answer.errorType ?? 'error'),
          String(answer.error ?? 'no reason given').slice(0, 500),
        );
      }
      if (!response.ok || answer?.status !== 'success') {
        throw new ServiceUnavailableError(
          `${name} at ${url.origin} answered ${response.status}${
            answer ? '' : ' and no JSON'
          }: ${text.slice(0, 200)}`,
        );
      }
      return readAnswer(answer, name);
    },
  };
}

function causeOf(error: unknown): string {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) {
    current = current.cause;
  }
  return current instanceof Error ? current.message : String(current);
}

async function readBounded(
  response: Response,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) {
        throw new Error(`more than ${MAX_BYTES} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new ServiceUnavailableError(
      `The answer of ${name} broke off: ${causeOf(error)}`,
      error,
    );
  }
  return Buffer.concat(chunks).toString('utf8');
}

interface ApiAnswer {
  status?: unknown;
  errorType?: unknown;
  error?: unknown;
  warnings?: unknown;
  data?: unknown;
}

/** `undefined`: no JSON; a proxy in between speaks HTML. */
function parse(text: string): ApiAnswer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function readAnswer(
  { data, warnings }: ApiAnswer,
  name: string,
): InstantAnswer {
  const { resultType, result } = (data ?? {}) as {
    resultType?: string;
    result?: unknown;
  };
  const texts = Array.isArray(warnings) ? warnings.map(String) : [];
  if (resultType === 'scalar' && Array.isArray(result)) {
    return {
      values: [{ labels: {}, value: numberOf(result[1]) }],
      warnings: texts,
    };
  }
  if (resultType === 'vector' && Array.isArray(result)) {
    return {
      values: result.map(
        (series: {
          metric?: Record<string, string>;
          value?: [number, string];
        }) => ({
          labels: series.metric ?? {},
          value: numberOf(series.value?.[1]),
        }),
      ),
      warnings: texts,
    };
  }
  throw new ServiceUnavailableError(
    `${name} answered a ${
      resultType ?? 'result without a type'
    }; expected one number`,
  );
}

const NOT_FINITE: Record<string, number> = {
  '+Inf': Infinity,
  '-Inf': -Infinity,
};

/** `+Inf` and `NaN` are numbers for Prometheus. */
function numberOf(text: unknown): number {
  if (typeof text !== 'string' || text === '') {
    return NaN;
  }
  return NOT_FINITE[text] ?? Number(text);
}
