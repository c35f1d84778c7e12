import { MetricModel } from '../model';

/** What a definition may measure, and what it means when it says no more. @public */
export interface KnownMetric {
  name: string;
  unit: MetricModel['unit'];
  description: string;
  /** Fewer samples than this say nothing reliable about such a value. */
  minSamples: number;
}

/**
 * The metrics that every definition may name, whatever provider answers them. A
 * platform can add others, with a name that fits `METRIC_NAME_PATTERN`. The
 * default of `minSamples` grows with how far out in the tail the value lies.
 *
 * @public
 */
export const KNOWN_METRICS: readonly KnownMetric[] = [
  {
    name: 'success-rate',
    unit: 'ratio',
    description: 'Share of requests that did not end in a server error',
    minSamples: 50,
  },
  {
    name: 'latency-p50',
    unit: 'milliseconds',
    description: 'Half of the requests are answered within this time',
    minSamples: 20,
  },
  {
    name: 'latency-p95',
    unit: 'milliseconds',
    description: '95 % of the requests are answered within this time',
    minSamples: 40,
  },
  {
    name: 'latency-p99',
    unit: 'milliseconds',
    description: '99 % of the requests are answered within this time',
    minSamples: 100,
  },
  {
    name: 'request-count',
    unit: 'count',
    description: 'Requests in the window',
    minSamples: 0,
  },
];

/** What a metric of the platform's own may be called. @public */
export const METRIC_NAME_PATTERN = /^[a-z][a-z0-9-]{0,62}$/;
