export type { BindOptions, ClusterTraffic, TrafficObjects } from './contract';
export {
  generationService,
  planPart,
  splitTrafficObjects,
} from './planObjects';
