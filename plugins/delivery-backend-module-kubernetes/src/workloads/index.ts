export { createWorkloads, type WorkloadsOptions } from './workloads';
export { createDelegatedRollout } from './delegatedRollout';
export { release } from './adoption';
export type { PlatformDigests } from './digests';
export { readAdoptedPods } from './readTarget';
export { formatScale, parseScale } from './deploymentManifest';
export { dryRunPlan, type DryRunItem } from './dryRun';
export { readDeployments, type LiveDeployment } from './readTarget';
export { createPlatformDigests } from './platformDigests';
