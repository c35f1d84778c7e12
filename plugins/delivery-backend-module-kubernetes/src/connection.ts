import { LoggerService } from '@backstage/backend-plugin-api';
import {
  Connection,
  plainRenderer,
} from '@slipway/backstage-plugin-delivery-node';
import { createPlanObjects } from './apply';
import { ClusterAccess } from './clusterAccess';
import { createLogProvider } from './logs';
import { createOperations } from './operations';
import {
  createHelmRenderer,
  createKustomizeRenderer,
  DEFAULT_RENDER_LIMITS,
  RenderPrograms,
} from './render';
import {
  createClusterTraffic,
  createEnvoyMetrics,
  createMetricLabels,
} from './traffic';
import { createClusterWatch, createLiveSource } from './watch';
import { createDelegatedRollout, createWorkloads } from './workloads';

export interface KubernetesConnectionOptions {
  cluster: ClusterAccess;
  logger: LoggerService;
  /** Where the Envoys of the cluster's gateways tell their statistics. */
  gatewayMetrics?: URL[];
  render?: RenderPrograms;
}

/** A cluster as a connection of the engine. */
export function createKubernetesConnection(
  options: KubernetesConnectionOptions,
): Connection {
  const { cluster, logger, gatewayMetrics = [], render } = options;
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
    renderers: [
      plainRenderer,
      createKustomizeRenderer({
        program: render?.kustomize,
        limits: DEFAULT_RENDER_LIMITS,
      }),
      createHelmRenderer({
        program: render?.helm,
        limits: DEFAULT_RENDER_LIMITS,
      }),
    ],
    workloads: createWorkloads({ cluster, traffic }),
    traffic,
    delegated: createDelegatedRollout({ cluster }),
    objects: createPlanObjects({ cluster, traffic }),
    operations: createOperations({ cluster, watch }),
    live: createLiveSource({ cluster, watch, logger }),
    logs: createLogProvider({ cluster, watch }),
    metrics: [],
    metricLabels: createMetricLabels({ cluster }),
  };
}
