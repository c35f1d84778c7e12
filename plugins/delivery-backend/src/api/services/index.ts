export { HealthWatch } from './healthWatch';
export { createServices } from './createServices';
export type { ApiServices } from './createServices';
export type {
  DeploymentMaker,
  EnvironmentInfo,
  Judge,
  PlanMaker,
  ReleaseMaker,
  ServiceDependencies,
} from './dependencies';
export type { Context } from './types';
