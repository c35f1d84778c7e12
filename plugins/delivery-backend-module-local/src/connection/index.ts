export { createLocalConnection } from './localConnection';
export type { LocalConnectionOptions } from './types';
