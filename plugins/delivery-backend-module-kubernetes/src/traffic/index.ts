export type { BindOptions, ClusterTraffic, TrafficObjects } from './contract';
export {
  generationService,
  planPart,
  splitTrafficObjects,
} from './planObjects';
export {
  createClusterTraffic,
  type ClusterTrafficOptions,
} from './clusterTraffic';
export { createEnvoyMetrics, type GatewayMetrics } from './gatewayMetrics';
export {
  createGatewayFeatures,
  readGatewayFeatures,
  type GatewayFeatures,
} from './gatewayFeatures';
export { readGatewayMetrics } from './readGatewayMetrics';
export { routers } from './routers';
export { withoutGenerations } from './withoutGenerations';
export type { Router } from './router';
export { createMetricLabels } from './metricLabels';
export { isTried, mostBeside } from './ratio';
export { readShares } from './marks';
