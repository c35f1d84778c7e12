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
export { createServices } from './services';
export type { ServiceDependencies } from './services';
