export { createWorkloads, type WorkloadsOptions } from './workloads';
export { release } from './adoption';
export type { PlatformDigests } from './digests';
