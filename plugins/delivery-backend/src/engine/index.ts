export { createEngine } from './engine';
export type {
  Clock,
  DeploymentRequest,
  Engine,
  EngineOptions,
  EngineStats,
  EngineTuning,
  LoopStats,
  ReleaseWork,
  Rooms,
} from './types';
