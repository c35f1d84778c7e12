export {
  readPlan,
  type KubePlan,
  type PlanItem,
  type Scaler,
} from './readPlan';
export type { DeploymentManifest, ServiceManifest } from './kinds';
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
