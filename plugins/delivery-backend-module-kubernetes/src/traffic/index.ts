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
export {
  createEnvoyMetrics,
  createGatewayFeatures,
  readGatewayFeatures,
  readGatewayMetrics,
  type GatewayFeatures,
} from './gateway';
export { routers } from './routers';
export { withoutGenerations } from './withoutGenerations';
export type { Router } from './router';
export { createMetricLabels } from './metricLabels';
export { isTried, mostBeside } from './ratio';
export { readShares } from './marks';
