/** @public */
export type VerdictKind = 'pass' | 'fail' | 'inconclusive' | 'error';

/**
 * Why something is as it is: a stable code for programs, a sentence for a
 * tired person, and the facts behind it.
 *
 * @public
 */
export interface Reason {
  /** kebab-case, stable: `metric-failed`, `progress-deadline-exceeded`... */
  code: string;
  message: string;
  metric?: string;
  unit?: 'ratio' | 'milliseconds' | 'count';
  value?: number;
  threshold?: { min?: number; max?: number };
  samples?: number;
  /** For example a probe's last answer, or the last log lines. */
  evidence?: string;
  /** What a person can do about it. */
  action?: string;
}

/** One reading of one metric of one track. @public */
export interface Measurement {
  analysisId: string;
  metric: string;
  atMs: number;
  /** The window that was asked for. */
  fromMs: number;
  toMs: number;
  outcome: MeasurementOutcome;
  /** The same metric of the baseline over the same window, when there is one. */
  baseline?: MeasurementOutcome;
  verdict: VerdictKind;
  /** The provider's query, to try by hand. */
  query?: string;
}

/** Known value, no data and a failing source are three different things. @public */
export type MeasurementOutcome =
  | { type: 'value'; value: number; samples: number }
  | { type: 'no-data'; detail?: string }
  | { type: 'error'; message: string };

/** What a judge says of one analysis. @public */
export interface AnalysisVerdict {
  analysisId: string;
  /** `undefined` while it is still running. */
  verdict?: VerdictKind;
  reason?: Reason;
  metrics: MetricVerdict[];
}

/** @public */
export interface MetricVerdict {
  metric: string;
  unit: 'ratio' | 'milliseconds' | 'count';
  verdict?: VerdictKind;
  value?: number;
  baseline?: number;
  samples: number;
  min?: number;
  max?: number;
  minSamples: number;
  /** "would have passed below 300 ms" */
  nearestFlip?: string;
}
