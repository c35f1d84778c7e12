export {
  createLocalConnection,
  type LocalConnectionOptions,
} from './localConnection';
export { createPlainRenderer } from './plainRenderer';
