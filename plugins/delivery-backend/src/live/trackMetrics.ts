import {
  TargetRecord,
  TargetRef,
  TrackMetrics,
} from '@slipway/backstage-plugin-delivery-common';
import { MetricProvider } from '@slipway/backstage-plugin-delivery-node';

const WINDOW_MS = 60_000;

export interface TrackGeneration {
  track: string;
  generation: string;
}

/** The generations whose rates stand side by side: stable and the candidate. */
export function trackGenerations(record: TargetRecord): TrackGeneration[] {
  return record.desired.generations
    .filter(generation => generation.replicas > 0)
    .filter(generation => generation.track !== 'draining')
    .map(({ track, generation }) => ({ track, generation }));
}

/**
 * The rates of each track over the last minute, from the metrics that the
 * connection's providers know. What a provider does not know stays undefined.
 */
export async function readTracks(
  providers: MetricProvider[],
  target: TargetRef,
  generations: TrackGeneration[],
  nowMs: number,
  signal: AbortSignal,
): Promise<TrackMetrics[]> {
  async function value(metric: string, generation: string) {
    const provider = providers.find(candidate =>
      candidate.metrics().some(known => known.name === metric),
    );
    if (!provider) {
      return undefined;
    }
    const { outcome } = await provider.query(
      { target, generation, metric, fromMs: nowMs - WINDOW_MS, toMs: nowMs },
      signal,
    );
    return outcome.type === 'value' ? outcome : undefined;
  }

  return Promise.all(
    generations.map(async ({ track, generation }) => {
      const [success, latency] = await Promise.all([
        value('success-rate', generation),
        value('latency-p95', generation),
      ]);
      const requests = success?.samples ?? latency?.samples;
      return {
        track,
        generation,
        windowMs: WINDOW_MS,
        requests,
        requestsPerSecond:
          requests === undefined ? undefined : requests / (WINDOW_MS / 1000),
        successRatio: success?.value,
        latencyP95Ms: latency?.value,
      };
    }),
  );
}
