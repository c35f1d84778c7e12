import { LoggerService } from '@backstage/backend-plugin-api';
import {
  Connection,
  plainRenderer,
} from '@slipway/backstage-plugin-delivery-node';
import { createPlanObjects } from './apply';
import { ClusterAccess } from './clusterAccess';
import { createLogProvider } from './logs';
import { createClusterTraffic, createEnvoyMetrics } from './traffic';
import { createClusterWatch, createLiveSource } from './watch';
import { createWorkloads } from './workloads';

export interface KubernetesConnectionOptions {
  cluster: ClusterAccess;
  logger: LoggerService;
  /** Where the Envoys of the cluster's gateways tell their statistics. */
  gatewayMetrics?: URL[];
}

/** A cluster as a connection of the engine. */
export function createKubernetesConnection(
  options: KubernetesConnectionOptions,
): Connection {
  const { cluster, logger, gatewayMetrics = [] } = options;
  const watch = createClusterWatch({ cluster, logger });
  const traffic = createClusterTraffic({
    cluster,
    logger,
    ...(gatewayMetrics.length > 0 && {
      metrics: createEnvoyMetrics({ urls: gatewayMetrics }),
    }),
  });
  return {
    type: 'kubernetes',
    name: cluster.name,
    notices: () => {
      const lost = watch.lost();
      return lost ? [`The cluster is not seen: ${lost.reason}`] : [];
    },
    renderers: [plainRenderer],
    workloads: createWorkloads({ cluster, traffic }),
    traffic,
    objects: createPlanObjects({ cluster, traffic }),
    live: createLiveSource({ cluster, watch, logger }),
    logs: createLogProvider({ cluster, watch }),
    metrics: [],
  };
}
