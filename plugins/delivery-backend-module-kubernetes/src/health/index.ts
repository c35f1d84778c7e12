export { HEALTH_CODES, type HealthCode } from './codes';
export type { Finding, HealthContext, NamedCause } from './types';
export { causeOfInstance } from './instance';
export { causeOfGeneration, type GenerationObjects } from './generation';
export { readInstance } from './instanceState';
export { causeOfRefusal } from './admission';
export { explain, type ExplainedObjects } from './explain';
export { createCrashEvidence, type CrashEvidence } from './evidence';
export * from './objects';
