export interface Config {
  delivery?: {
    /** Prometheus, and what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics). */
    prometheus?: Array<{
      /** For messages, and for people. */
      name: string;
      /** `https://prometheus.example.com`, with the path before `/api/v1`. */
      url: string;
      /** Environments of `delivery.environments` that it measures. */
      environments: string[];
      /** At most one of `token` and `basic`. */
      auth?: {
        /** @visibility secret */
        token?: string;
        basic?: {
          username: string;
          /** @visibility secret */
          password: string;
        };
      };
      /**
       * More headers, such as `X-Scope-OrgID`.
       *
       * @deepVisibility secret
       */
      headers?: { [name: string]: string };
      /** How often the targets are scraped. Default `15s`. */
      scrapeInterval?: string;
      /**
       * Where success-rate, latency and request-count come from: `envoy` (the
       * gateway's Envoy, clusters named as Contour does; the default), `istio`,
       * `http` (the services' own `http_requests_total` and
       * `http_request_duration_seconds`), or `none`.
       */
      source?: 'envoy' | 'istio' | 'http' | 'none';
      /**
       * Metrics of the platform's own, which definitions may name. In a query
       * stand typed placeholders instead of values: `namespace={{namespace}}`,
       * `service={{service}}`, `pod=~{{pods}}`, `[{{window}}]`.
       */
      metrics?: Array<{
        /** `checkout-errors` */
        name: string;
        unit: 'ratio' | 'milliseconds' | 'count';
        description: string;
        /** Its answer is one number. */
        query: string;
        /** How many observations are behind it. Default: that there is an answer is one. */
        samples?: string;
        /** Fewer say nothing reliable. Default 1. */
        minSamples?: number;
      }>;
    }>;
  };
}
