export {
  describeOnCluster,
  missingForCluster,
  readClusterSettings,
} from './describeOnCluster';
export { contractHarness } from './contractHarness';
export { openTestCluster, type TestCluster } from './testCluster';
export type { TestPlanOptions } from './testCluster';
export { testManifests, type TestManifestOptions } from './manifests';
export type { TestBehaviour, TestServiceOptions } from './service';
export { TestRepository, testReleaseModule } from './releaseModule';
