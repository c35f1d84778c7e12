import {
  MetricsService,
  MetricsServiceCounter,
  MetricsServiceHistogram,
} from '@backstage/backend-plugin-api/alpha';
import { Lease } from '../../store';

/** How the work on a claimed unit ended. */
export type TickOutcome =
  | 'done'
  /** It threw; it is tried again with back-off. */
  | 'failed'
  /** Somebody else took it over. */
  | 'lease-lost'
  /** The engine stops, or somebody wrote in between: another look is due. */
  | 'interrupted';

/** Seconds; finest where the budget is (a second at the 99th percentile). */
const LAG_BOUNDARIES = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 300,
];

/** Counts ticks, and says how late they were. */
export class TickMetrics {
  readonly #ticks: MetricsServiceCounter;
  readonly #leasesLost: MetricsServiceCounter;
  readonly #lag: MetricsServiceHistogram;

  constructor(metrics: MetricsService) {
    this.#ticks = metrics.createCounter('delivery.engine.ticks', {
      description: 'Claimed units of work, by how they ended',
    });
    this.#leasesLost = metrics.createCounter('delivery.engine.leases_lost', {
      description: 'Units of work that another backend took over',
    });
    this.#lag = metrics.createHistogram('delivery.engine.due_to_done', {
      description: 'From the time a target was due until the look at it ended',
      unit: 's',
      advice: { explicitBucketBoundaries: LAG_BOUNDARIES },
    });
  }

  ended(lease: Lease, outcome: TickOutcome, nowMs: number): void {
    const { kind, dueAtMs } = lease;
    this.#ticks.add(1, { kind, outcome });
    if (outcome === 'lease-lost') {
      this.#leasesLost.add(1, { kind });
    } else if (kind === 'target' && dueAtMs !== undefined) {
      // A stage of a release takes as long as it takes: its lag says nothing.
      this.#lag.record(Math.max(0, nowMs - dueAtMs) / 1_000);
    }
  }
}
