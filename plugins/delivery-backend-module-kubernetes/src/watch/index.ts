export {
  createClusterWatch,
  type ClusterWatch,
  type ClusterWatchOptions,
  type KindStatus,
  type WatchedChange,
} from './clusterWatch';
export { createWorkloadsGlance } from './glanceAtWorkloads';
export { createLiveSource } from './liveSource';
export { createWatchedReader } from './watchedReader';
export { readTargetObjects, type TargetObjects } from './targetObjects';
export { WATCHED_KINDS, type WatchedKind } from './watchedKinds';
