/**
 * Contract tests: what the engine relies on. An adapter's own test calls them
 * with a factory of its real world.
 *
 * @packageDocumentation
 */
export type {
  ConnectionHarness,
  ConnectionHarnessFactory,
  SampleBehaviour,
} from './connectionHarness';
export { describeCheckContract } from './checkContract';
export { describeWorkloadsContract } from './workloadsContract';
export { describeTrafficRouterContract } from './trafficRouterContract';
export {
  describeLiveSourceContract,
  describeLogProviderContract,
  describeMetricProviderContract,
} from './observationContracts';
export {
  describeImageBuilderContract,
  type ImageBuilderHarness,
} from './imageBuilderContract';
export {
  describeSourceFetcherContract,
  type SourceFetcherHarness,
} from './sourceFetcherContract';
export {
  describeImageScannerContract,
  type ImageScannerHarness,
} from './imageScannerContract';
export {
  describeJobsContract,
  type JobsHarness,
  type SampleJob,
} from './jobsContract';
export { poll } from './poll';
