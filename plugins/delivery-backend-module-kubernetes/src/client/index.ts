export * from './types';
export * from './errors';
export {
  kubeConfigEndpoint,
  type Endpoint,
  type EndpointSource,
} from './endpoint';
export { createKubeClient, refOf } from './kubeClient';
export { readLines } from './lines';
export { rest } from './rest';
export { shareLists } from './sharedLists';
export { tail } from './tail';
