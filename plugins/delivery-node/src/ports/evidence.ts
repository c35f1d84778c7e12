import {
  LogChunk,
  MeasurementOutcome,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';

/** @public */
export interface MetricQuery {
  target: TargetRef;
  generation: string;
  metric: string;
  fromMs: number;
  toMs: number;
  /** What the world calls the generation; see `Connection.metricLabels`. */
  labels?: MetricLabels;
}

/**
 * What a generation is called where metrics of it are collected.
 *
 * @public
 */
export interface MetricLabels {
  namespace?: string;
  /** What a router sends the generation's requests to. */
  service?: string;
  /** The Service of the whole target. */
  mainService?: string;
  /** What runs the generation's instances: their names begin with it. */
  workload?: string;
}

/** @public */
export interface MetricProvider {
  readonly id: string;
  metrics(): Array<{
    name: string;
    unit: 'ratio' | 'milliseconds' | 'count';
    description: string;
    /** Fewer samples say nothing reliable about such a value. Default 1. */
    minSamples?: number;
  }>;
  /** Never throws for missing or failing data: that is an outcome. */
  query(
    query: MetricQuery,
    signal: AbortSignal,
  ): Promise<{ outcome: MeasurementOutcome; query: string }>;
}

/** @public */
export interface LogProvider {
  /** `after` continues exactly where an earlier answer ended. Waits up to `waitMs` for news. */
  read(
    request: {
      target: TargetRef;
      instance?: string;
      /**
       * Only the lines of this generation. An adapter that cannot tell may
       * answer more; every line names its generation or its instance.
       */
      generation?: string;
      after?: string;
      limit: number;
      waitMs: number;
    },
    signal: AbortSignal,
  ): Promise<LogChunk>;
}
