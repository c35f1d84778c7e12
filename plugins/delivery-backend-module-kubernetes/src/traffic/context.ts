import { LoggerService } from '@backstage/backend-plugin-api';
import { ClusterAccess } from '../clusterAccess';
import { DataPlane } from './dataPlane';
import { Router } from './router';

/** What everything in this room works with. */
export interface TrafficContext {
  cluster: ClusterAccess;
  routers: Router[];
  logger: LoggerService;
  metrics?: DataPlane;
  /** Whether the gateways copy a share of the requests, and not only all. */
  mirrorShares?: () => boolean;
}
