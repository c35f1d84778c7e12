export { TrafficRoutes } from './TrafficRoutes';
