export { definitionJsonSchema } from '@slipway/backstage-plugin-delivery-common';
export { parseDefinition } from './parseDefinition';
export type {
  ParsedDefinition,
  ParseDefinitionOptions,
} from './parseDefinition';
export { inexpressible } from './connectionRules';
export type { Abilities } from './connectionRules';
export { describeProblem } from './problems';
export { readEnvironments } from './environments';
export type { EnvironmentConfig } from './environments';
export { effectivePolicy } from './policy';
export type { EffectivePolicy, EffectiveRule } from './policy';
export { createServiceSync } from './serviceSync';
export type { ServiceSync, ServiceSyncOptions } from './serviceSync';
