export { createReleaseRunner } from './runner';
export { renderPlan, planId } from './renderPlan';
export type {
  CreateReleaseRequest,
  ReleaseRunner,
  ReleaseRunnerOptions,
  ReleaseTuning,
} from './types';
export { createRedactor } from './redact';
