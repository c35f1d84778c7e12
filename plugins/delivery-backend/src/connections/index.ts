export { createConnections } from './createConnections';
export { addedMetrics } from './addedMetrics';
