import { ResponseError } from '@backstage/errors';

/** As much of Backstage's discovery as the client needs; any runtime has it. */
export interface DeliveryClientDiscovery {
  getBaseUrl(pluginId: string): Promise<string>;
}

/** As much of Backstage's fetch as the client needs; it adds the token. */
export interface DeliveryClientFetch {
  fetch(input: string, init?: RequestInit): Promise<Response>;
}

export type QueryValue = string | number | undefined;

/** Requests to the plugin's base path; errors are `ResponseError`s. */
export class DeliveryRequests {
  readonly #discovery: DeliveryClientDiscovery;
  readonly #fetch: DeliveryClientFetch;

  constructor(options: {
    discoveryApi: DeliveryClientDiscovery;
    fetchApi: DeliveryClientFetch;
  }) {
    this.#discovery = options.discoveryApi;
    this.#fetch = options.fetchApi;
  }

  async get<T>(path: string, query?: Record<string, QueryValue>): Promise<T> {
    const response = await this.raw(path, query);
    return response.json();
  }

  async post<T>(path: string, body: object): Promise<T> {
    const response = await this.raw(path, undefined, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    return response.json();
  }

  /** The response itself, when it says that all is well. */
  async raw(
    path: string,
    query?: Record<string, QueryValue>,
    init?: RequestInit,
  ): Promise<Response> {
    const base = await this.#discovery.getBaseUrl('delivery');
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) {
        search.set(name, String(value));
      }
    }
    const suffix = search.size > 0 ? `?${search}` : '';
    const response = await this.#fetch.fetch(`${base}${path}${suffix}`, init);
    if (!response.ok) {
      throw await ResponseError.fromResponse(response);
    }
    return response;
  }
}
