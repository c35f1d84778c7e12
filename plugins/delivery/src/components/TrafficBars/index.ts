export { TrafficBars } from './TrafficBars';
export { SharesOverTime } from './SharesOverTime';
