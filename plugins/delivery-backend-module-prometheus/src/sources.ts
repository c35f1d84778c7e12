import { KNOWN_METRICS } from '@slipway/backstage-plugin-delivery-common';
import { InputError } from '@backstage/errors';

/** One number from one query, and how many observations are behind it. @public */
export interface MetricSource {
  name: string;
  unit: 'ratio' | 'milliseconds' | 'count';
  description: string;
  minSamples?: number;
  query: string;
  samples?: string;
  /**
   * The counter that all of it is made of: whether it was scraped over the
   * whole window, and up to its end.
   */
  counter?: string;
}

/** Whose counters are read; see the README. @public */
export type SourceName = 'envoy' | 'istio' | 'http' | 'none';

interface Requests {
  /** A selector of the request counter, for all answers. */
  all: string;
  /** The same for server errors. */
  failed: string;
  /** The selector of a histogram's buckets, and how many milliseconds its unit has. */
  buckets: string;
  bucketMs: number;
}

/*
 * Counters of requests by what is asked from them. Server errors are answers of
 * 5xx, which Envoy also counts when there was no answer.
 *
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats
 * https://istio.io/latest/docs/reference/config/metrics/
 */
const REQUESTS: Record<Exclude<SourceName, 'none'>, Requests> = {
  envoy: {
    all: 'envoy_cluster_upstream_rq_xx{envoy_cluster_name=~{{envoyClusters}}}',
    failed:
      'envoy_cluster_upstream_rq_xx{envoy_cluster_name=~{{envoyClusters}},envoy_response_code_class="5"}',
    buckets:
      'envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=~{{envoyClusters}}}',
    bucketMs: 1,
  },
  istio: {
    all: 'istio_requests_total{reporter="destination",destination_workload_namespace={{namespace}},destination_workload={{workload}}}',
    failed:
      'istio_requests_total{reporter="destination",destination_workload_namespace={{namespace}},destination_workload={{workload}},response_code=~"5..|0"}',
    buckets:
      'istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace={{namespace}},destination_workload={{workload}}}',
    bucketMs: 1,
  },
  http: {
    all: 'http_requests_total{namespace={{namespace}},pod=~{{pods}}}',
    failed:
      'http_requests_total{namespace={{namespace}},pod=~{{pods}},code=~"5.."}',
    buckets:
      'http_request_duration_seconds_bucket{namespace={{namespace}},pod=~{{pods}}}',
    bucketMs: 1_000,
  },
};

const QUANTILES: Record<string, number> = {
  'latency-p50': 0.5,
  'latency-p95': 0.95,
  'latency-p99': 0.99,
};

/** The metrics that every definition may name, from one kind of counters. @public */
export function builtinMetrics(source: SourceName): MetricSource[] {
  if (source === 'none') {
    return [];
  }
  const { all, failed, buckets, bucketMs } = REQUESTS[source];
  const total = `sum(increase(${all}[{{window}}]))`;
  return KNOWN_METRICS.map(({ name, unit, description, minSamples }) => {
    const common = { name, unit, description, minSamples, counter: all };
    if (name === 'success-rate') {
      return {
        ...common,
        // Without one error there is no series of errors.
        query: `1 - ((sum(increase(${failed}[{{window}}])) or vector(0)) / ${total})`,
        samples: total,
      };
    }
    if (name === 'request-count') {
      return { ...common, query: total, samples: total };
    }
    const quantile = QUANTILES[name];
    if (quantile === undefined) {
      throw new InputError(`No query is known for the metric "${name}"`);
    }
    const rate = `sum by (le) (increase(${buckets}[{{window}}]))`;
    const factor = bucketMs === 1 ? '' : `${bucketMs} * `;
    return {
      ...common,
      counter: buckets,
      query: `${factor}histogram_quantile(${quantile}, ${rate})`,
      samples: `sum(increase(${buckets.replace(
        /\}$/,
        ',le="+Inf"}',
      )}[{{window}}]))`,
    };
  });
}
