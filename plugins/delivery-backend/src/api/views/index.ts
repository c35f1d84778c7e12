export { environmentView } from './environmentView';
export { notRestorable } from './notRestorable';
export { targetHealth } from './health';
export { steadyMetrics } from './rateHealth';
export { targetView, withRollout } from './targetView';
export type { ReleaseLabel } from './targetView';
export {
  DEPLOYMENT_VERB_PERMISSIONS,
  TARGET_PAGE_PERMISSIONS,
  TARGET_VERB_PERMISSIONS,
  deploymentVerbs,
  releaseVerbs,
  targetVerbs,
} from './verbs';
