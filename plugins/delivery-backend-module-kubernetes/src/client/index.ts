export * from './types';
export * from './errors';
export { createKubeClient, refOf } from './kubeClient';
export { readLines } from './lines';
