export {
  createLocalConnection,
  type LocalConnectionOptions,
} from './localConnection';
