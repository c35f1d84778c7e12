export {
  createRegistryServer,
  startRegistry,
  type RegistryServerOptions,
  type StartedRegistry,
} from './server';
