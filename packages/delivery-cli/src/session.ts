import { DeliveryClient } from '@slipway/backstage-plugin-delivery-common';
import { Arguments, UsageError } from './arguments';

/** Where a command reads from and writes to. */
export interface Surroundings {
  env: Record<string, string | undefined>;
  /** The result. */
  out: (text: string) => void;
  /** Progress and errors. */
  err: (text: string) => void;
  /** Distance between two looks while waiting. */
  pollMs: number;
}

/** What each command gets. */
export interface Session {
  args: Arguments;
  client: DeliveryClient;
  /** One line of progress. */
  say: (line: string) => void;
  pollMs: number;
  /** Absolute: when `--timeout` has passed. */
  deadlineMs: number;
}

/** Errors: `UsageError` when the address is missing or none. */
export function openSession(
  args: Arguments,
  surroundings: Surroundings,
): Session {
  const { env, err, pollMs } = surroundings;
  const base = baseUrl(env.SLIPWAY_URL);
  const token = env.SLIPWAY_TOKEN;
  return {
    args,
    client: new DeliveryClient({
      discoveryApi: { getBaseUrl: async plugin => `${base}/api/${plugin}` },
      fetchApi: {
        fetch: (url, init) =>
          fetch(url, {
            ...init,
            headers: {
              ...init?.headers,
              ...(token && { Authorization: `Bearer ${token}` }),
            },
            // A redirect could carry the token to somebody else.
            redirect: 'error',
            signal: init?.signal ?? AbortSignal.timeout(60_000),
          }),
      },
    }),
    say: line => err(`${line}\n`),
    pollMs,
    deadlineMs: Date.now() + args.timeoutMs,
  };
}

function baseUrl(text: string | undefined): string {
  if (!text) {
    throw new UsageError(
      'SLIPWAY_URL is not set: expected the address of the Backstage backend, such as https://backstage.example.org',
    );
  }
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new UsageError(
      `Invalid SLIPWAY_URL "${text}": expected an http or https address`,
    );
  }
  return text.replace(/\/+$/, '');
}
