export {
  ensureLocald,
  type EnsureLocaldOptions,
  type LocaldEndpoint,
} from './spawn';
export { untilAborted } from './waiting';
export { METRICS } from './metrics';
export { serviceUrlVariable } from './environment';
export { imageAnswerSchema } from './protocol';
export type {
  EnsureRequest,
  EnvEntry,
  ImageAnswer,
  ProbeSpec,
  RegistryAddress,
  RunSpec,
} from './protocol';
export type { TargetSnapshot } from './targetSnapshot';
export type { TrafficSettings } from './traffic';
export type { WatchLine } from './watch';
export { readTextIfThere, writeAtomically } from './files';
