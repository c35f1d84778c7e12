import {
  AnalysisModel,
  BlueGreenModel,
  CanaryModel,
  MetricModel,
  RollingModel,
} from '@slipway/backstage-plugin-delivery-common';

/** Strategies for tests and benches, the defaults filled in. */
export const ROLLING: RollingModel = {
  type: 'rolling',
  maxSurge: { percent: 25 },
  maxUnavailable: { percent: 25 },
};

export const SUCCESS_RATE: MetricModel = {
  name: 'success-rate',
  unit: 'ratio',
  min: 0.99,
  minSamples: 50,
  noData: 'inconclusive',
  failureLimit: 0,
  consecutiveErrorLimit: 3,
};

export const ANALYSIS: AnalysisModel = {
  durationMs: 20_000,
  intervalMs: 5_000,
  extendMs: 20_000,
  metrics: [SUCCESS_RATE],
};

/** 10 %, 50 % with a pause, 100 %; no analysis. */
export function canary(options: Partial<CanaryModel> = {}): CanaryModel {
  return {
    type: 'canary',
    steps: [
      { type: 'weight', percent: 10 },
      { type: 'weight', percent: 50 },
      { type: 'pause', durationMs: 10_000 },
      { type: 'weight', percent: 100 },
    ],
    scaleDownDelayMs: 30_000,
    rollbackWindow: 0,
    ...options,
  };
}

/** A whole preview, a person's promotion, no analysis. */
export function blueGreen(
  options: Partial<BlueGreenModel> = {},
): BlueGreenModel {
  return {
    type: 'blueGreen',
    scaleDownDelayMs: 30_000,
    rollbackWindow: 0,
    ...options,
  };
}
