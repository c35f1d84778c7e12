export {
  SimulatedWorld,
  type GenerationBehaviour,
  type SimulatedWorldOptions,
} from './simulatedWorld';
export { role, Simulation } from './simulation';
