export {
  createAudit,
  createAuthorizer,
  readMachines,
  registerPermissions,
} from './auth';
export type { Audit, Authorizer } from './auth';
export { createEventsService } from './events';
export { createRouter } from './createRouter';
export type { RouterOptions } from './createRouter';
export { HealthWatch, createServices } from './services';
export type { PlanMaker, ReleaseMaker, ServiceDependencies } from './services';
export {
  createDeliveryEnvironmentConditionalDecision,
  createDeliveryServiceConditionalDecision,
  createDeliveryTargetConditionalDecision,
  deliveryEnvironmentConditions,
  deliveryServiceConditions,
  deliveryTargetConditions,
} from './auth/conditions';
export {
  deliveryEnvironmentResourceRef,
  deliveryServiceResourceRef,
  deliveryTargetResourceRef,
} from './auth/resources';
