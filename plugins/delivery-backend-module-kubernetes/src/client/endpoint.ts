import type { RequestOptions } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { KubeConfig } from '@kubernetes/client-node';

/** Where a cluster's API is, and who we are there, for the next request. */
export interface Endpoint {
  /** `https://10.0.0.1:6443`, perhaps with a path. */
  server: string;
  tls: {
    ca?: RequestOptions['ca'];
    cert?: RequestOptions['cert'];
    key?: RequestOptions['key'];
    rejectUnauthorized?: boolean;
    servername?: string;
    /** Decides which addresses of the host may be connected to. */
    lookup?: LookupFunction;
  };
  headers: Record<string, string>;
}

/** Follows credentials that expire, rotate or are edited. */
export interface EndpointSource {
  /** Asked before each request: cheap where nothing has changed. */
  current(): Promise<Endpoint>;
  /** The server refused the credentials: they have to be fetched anew. */
  renew(): void;
}

/** An exec plugin or a mounted file is asked once in this time, or after a refusal. */
const FRESH_MS = 10_000;

/**
 * The current context of a kubeconfig.
 *
 * Errors of `current`: what its exec plugin or file says; an `Error` when the
 * context names no cluster.
 */
export function kubeConfigEndpoint(
  load: () => KubeConfig | Promise<KubeConfig>,
): EndpointSource {
  let kept: { untilMs: number; endpoint: Promise<Endpoint> } | undefined;

  async function read(): Promise<Endpoint> {
    const kubeConfig = await load();
    const cluster = kubeConfig.getCurrentCluster();
    if (!cluster) {
      throw new Error(
        `the context "${kubeConfig.getCurrentContext()}" of the kubeconfig names no cluster`,
      );
    }
    const options: RequestOptions = {};
    await kubeConfig.applyToHTTPSOptions(options);
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const headers = Object.fromEntries(
      Object.entries(options.headers ?? {}).map(([name, value]) => [
        name,
        String(value),
      ]),
    );
    if (options.auth) {
      const basic = Buffer.from(options.auth).toString('base64');
      headers.Authorization = `Basic ${basic}`;
    }
    return {
      server: cluster.server,
      tls: { ca, cert, key, rejectUnauthorized, servername },
      headers,
    };
  }

  return {
    current() {
      if (!kept || kept.untilMs < Date.now()) {
        const mine = { untilMs: Date.now() + FRESH_MS, endpoint: read() };
        kept = mine;
        mine.endpoint.catch(() => {
          if (kept === mine) {
            kept = undefined;
          }
        });
      }
      return kept.endpoint;
    },
    renew() {
      kept = undefined;
    },
  };
}
