export * from './types';
export * from './errors';
export {
  kubeConfigEndpoint,
  type Endpoint,
  type EndpointSource,
} from './endpoint';
export { refOf } from './addresses';
export { createKubeClient } from './kubeClient';
export { readLines } from './lines';
export { readRecent } from './readRecent';
export { isOlder } from './resourceVersion';
export { rest } from './rest';
export { shareLists } from './sharedLists';
export { tail } from './tail';
