export { readPlan, type KubePlan, type PlanItem } from './readPlan';
export type { Scaler } from './scaler';
export {
  selects,
  type DeploymentManifest,
  type LabelSelector,
  type ServiceManifest,
} from './kinds';
export {
  checkPolicy,
  DEFAULT_POLICY,
  MANIFEST_RULES,
  type ManifestPolicy,
  type ManifestRule,
} from './policy';
export { isVersionedName, type SecretReference } from './secretReferences';
export { assertAllowed } from './scope';
export { planReferences } from './references';
export {
  containersOf,
  mapping,
  mappings,
  podSpecsOf,
  textOf,
} from './podSpecs';
export { readPolicy } from './policyConfig';
