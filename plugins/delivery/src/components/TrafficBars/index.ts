export { TrafficBars } from './TrafficBars';
