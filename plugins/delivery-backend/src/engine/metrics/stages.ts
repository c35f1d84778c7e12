import {
  MetricsService,
  MetricsServiceHistogram,
} from '@backstage/backend-plugin-api/alpha';
import { StageState } from '@slipway/backstage-plugin-delivery-common';

/** Seconds; a fetch takes one, a build some minutes. */
const STAGE_BOUNDARIES = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800];

/** How long the stages of releases take. */
export class StageMetrics {
  readonly #durations: MetricsServiceHistogram;

  constructor(metrics: MetricsService) {
    this.#durations = metrics.createHistogram(
      'delivery.release.stage_duration',
      {
        description: 'Stages of releases, by stage and how they ended',
        unit: 's',
        advice: { explicitBucketBoundaries: STAGE_BOUNDARIES },
      },
    );
  }

  /** The stages of a release of which one unit of work began at `sinceMs`. */
  worked(stages: StageState[], sinceMs: number): void {
    for (const { stage, status, startedAtMs, finishedAtMs } of stages) {
      if (
        startedAtMs !== undefined &&
        finishedAtMs !== undefined &&
        finishedAtMs >= sinceMs
      ) {
        this.#durations.record((finishedAtMs - startedAtMs) / 1_000, {
          stage,
          status,
        });
      }
    }
  }
}
