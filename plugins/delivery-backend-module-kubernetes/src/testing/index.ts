export {
  describeOnCluster,
  missingForCluster,
  readClusterSettings,
} from './describeOnCluster';
export { type ClusterControl, describeWithControl } from './clusterControl';
export { answeredBy, contractHarness } from './contractHarness';
export { type FaultProxy, type FaultRule, openFaultProxy } from './faultProxy';
export { type Load, startLoad } from './load';
export { openTestCluster, type TestCluster } from './testCluster';
export type { TestPlanOptions } from './testCluster';
export { testManifests, type TestManifestOptions } from './manifests';
export type { TestBehaviour, TestServiceOptions } from './service';
export { TestRepository, testReleaseModule } from './releaseModule';
export { admissionOf } from './admissions';
export { rewriteImages, type Rewriting } from './rewriteImages';
