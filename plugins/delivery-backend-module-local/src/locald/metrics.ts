import { MeasurementOutcome } from '@slipway/backstage-plugin-delivery-common';

/*
 * What the router saw of each generation: a bucket for every second, kept for
 * a quarter of an hour. Latencies go into a histogram whose bucket borders
 * grow by GROWTH, so any quantile is right within 2 % at a bounded size. (The
 * idea of DDSketch: Masson, Rim, Lee, "DDSketch: A Fast and Fully-Mergeable
 * Quantile Sketch with Relative-Error Guarantees", VLDB 2019.)
 */

const KEEP_MS = 15 * 60_000;
const BUCKET_MS = 1_000;
const GROWTH = 1.04;
const SMALLEST_MS = 0.01;

interface Bucket {
  count: number;
  /** Of them, copies of requests that somebody else answered. */
  copies: number;
  errors: number;
  /** Histogram index to count. */
  latencies: Map<number, number>;
}

function indexOf(latencyMs: number): number {
  return Math.ceil(
    Math.log(Math.max(latencyMs, SMALLEST_MS)) / Math.log(GROWTH),
  );
}

/** The value with the smallest relative error for a bucket's members. */
function valueOf(index: number): number {
  return (2 * GROWTH ** index) / (1 + GROWTH);
}

export const METRICS: ReadonlyArray<{
  name: string;
  unit: 'ratio' | 'milliseconds' | 'count';
  description: string;
}> = [
  {
    name: 'success-rate',
    unit: 'ratio',
    description: 'Share of requests that were not answered by a 5xx',
  },
  {
    name: 'error-rate',
    unit: 'ratio',
    description: 'Share of requests that were answered by a 5xx',
  },
  {
    name: 'latency-p50',
    unit: 'milliseconds',
    description: 'Median time from the request to the end of its answer',
  },
  {
    name: 'latency-p95',
    unit: 'milliseconds',
    description: 'The time that 95 % of the requests stay below',
  },
  {
    name: 'latency-p99',
    unit: 'milliseconds',
    description: 'The time that 99 % of the requests stay below',
  },
  {
    name: 'request-count',
    unit: 'count',
    description: 'Requests that were answered',
  },
];

/** The requests of one target, by generation. */
export class RequestMetrics {
  private readonly generations = new Map<string, Map<number, Bucket>>();

  record(
    generation: string,
    request: {
      atMs: number;
      status: number;
      latencyMs: number;
      copy?: true;
    },
  ): void {
    const second = Math.floor(request.atMs / BUCKET_MS);
    let buckets = this.generations.get(generation);
    if (!buckets) {
      buckets = new Map();
      this.generations.set(generation, buckets);
    }
    let bucket = buckets.get(second);
    if (!bucket) {
      bucket = { count: 0, copies: 0, errors: 0, latencies: new Map() };
      buckets.set(second, bucket);
      this.forget(second);
    }
    bucket.count += 1;
    bucket.copies += request.copy ? 1 : 0;
    bucket.errors += request.status >= 500 ? 1 : 0;
    const index = indexOf(request.latencyMs);
    bucket.latencies.set(index, (bucket.latencies.get(index) ?? 0) + 1);
  }

  /**
   * One metric over the seconds that begin in the window, so that windows
   * that follow each other share no request. Without a request there is no
   * data, which is not zero.
   */
  query(
    generation: string,
    metric: string,
    fromMs: number,
    toMs: number,
  ): MeasurementOutcome {
    if (!METRICS.some(known => known.name === metric)) {
      return {
        type: 'error',
        message: `The local router knows no metric "${metric}"; it knows ${METRICS.map(
          known => known.name,
        ).join(', ')}`,
      };
    }
    const sum = this.sum(generation, fromMs, toMs);
    if (sum.count === 0) {
      return {
        type: 'no-data',
        detail: `The router answered no request of generation ${generation} in this window`,
      };
    }
    return { type: 'value', value: evaluate(metric, sum), samples: sum.count };
  }

  /** Requests of each generation of late, without copies. */
  counts(fromMs: number, toMs: number): Map<string, number> {
    const counts = new Map<string, number>();
    for (const generation of this.generations.keys()) {
      const { count, copies } = this.sum(generation, fromMs, toMs);
      if (count > copies) {
        counts.set(generation, count - copies);
      }
    }
    return counts;
  }

  private sum(generation: string, fromMs: number, toMs: number): Bucket {
    const sum: Bucket = {
      count: 0,
      copies: 0,
      errors: 0,
      latencies: new Map(),
    };
    const from = Math.ceil(fromMs / BUCKET_MS);
    for (const [second, bucket] of this.generations.get(generation) ?? []) {
      if (second >= from && second * BUCKET_MS < toMs) {
        sum.count += bucket.count;
        sum.copies += bucket.copies;
        sum.errors += bucket.errors;
        for (const [index, count] of bucket.latencies) {
          sum.latencies.set(index, (sum.latencies.get(index) ?? 0) + count);
        }
      }
    }
    return sum;
  }

  private forget(nowSecond: number): void {
    const oldest = nowSecond - KEEP_MS / BUCKET_MS;
    for (const [generation, buckets] of this.generations) {
      for (const second of buckets.keys()) {
        if (second >= oldest) {
          break;
        }
        buckets.delete(second);
      }
      if (buckets.size === 0) {
        this.generations.delete(generation);
      }
    }
  }
}

function evaluate(metric: string, sum: Bucket): number {
  switch (metric) {
    case 'success-rate':
      return (sum.count - sum.errors) / sum.count;
    case 'error-rate':
      return sum.errors / sum.count;
    case 'request-count':
      return sum.count;
    default:
      return quantile(sum, Number(metric.slice('latency-p'.length)) / 100);
  }
}

function quantile(sum: Bucket, share: number): number {
  const rank = Math.ceil(share * sum.count);
  let seen = 0;
  for (const index of [...sum.latencies.keys()].sort((a, b) => a - b)) {
    seen += sum.latencies.get(index) ?? 0;
    if (seen >= rank) {
      return valueOf(index);
    }
  }
  return valueOf(Math.max(...sum.latencies.keys()));
}
