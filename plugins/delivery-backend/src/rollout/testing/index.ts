export {
  SimulatedWorld,
  type GenerationBehaviour,
  type SimulatedWorldOptions,
} from './simulatedWorld';
export { role, Simulation } from './simulation';
export {
  ANALYSIS,
  blueGreen,
  canary,
  ROLLING,
  SUCCESS_RATE,
} from './strategies';
export { checkPromises, type Decision } from './promises';
