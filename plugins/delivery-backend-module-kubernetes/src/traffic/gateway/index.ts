/* The Gateway API as a router, and what its gateways tell. */
export { gatewayApi } from './gatewayApi';
export { createEnvoyMetrics } from './gatewayMetrics';
export { readGatewayMetrics } from './readGatewayMetrics';
export {
  createGatewayFeatures,
  readGatewayFeatures,
  type GatewayFeatures,
} from './gatewayFeatures';
