import { LoggerService } from '@backstage/backend-plugin-api';
import {
  Connection,
  plainRenderer,
} from '@slipway/backstage-plugin-delivery-node';
import { ClusterAccess } from './clusterAccess';

/** A cluster as a connection of the engine. */
export function createKubernetesConnection(options: {
  cluster: ClusterAccess;
  logger: LoggerService;
}): Connection {
  throw new Error(`not wired yet: ${options.cluster.name} ${plainRenderer.id}`);
}
