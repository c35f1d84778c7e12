export { createConnections } from './createConnections';
