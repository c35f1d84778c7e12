export * from './digest';
export * from './reference';
export * from './manifest';
export * from './layout';
export * from './safePaths';
export * from './layerRead';
export * from './layerUnpack';
export * from './layerWrite';
export {
  createRegistryClient,
  RegistryClient,
  type BlobSource,
  type FetchedManifest,
} from './registryClient';
export type { RegistryHttpOptions } from './registryHttp';
export type { RegistryCredentials } from './registryAuth';
export type {
  PromoteOptions,
  PullOptions,
  PullResult,
  PushOptions,
  PushResult,
} from './registryTransfer';
export { referrerDescriptor } from './registryReferrers';
