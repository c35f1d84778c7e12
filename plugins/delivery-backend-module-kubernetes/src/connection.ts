import { LoggerService } from '@backstage/backend-plugin-api';
import {
  Connection,
  plainRenderer,
  RegistryAccess,
} from '@slipway/backstage-plugin-delivery-node';
import { checkAccess } from './access';
import { createPlanObjects } from './apply';
import { readRecent, shareLists } from './client';
import { ClusterAccess } from './clusterAccess';
import { createPlanDiff } from './diff';
import { createGiveBack } from './giveBack';
import { createJobs } from './jobs';
import { createLogProvider } from './logs';
import { createOperations } from './operations';
import { ManifestPolicy } from './plan';
import {
  createHelmRenderer,
  createKustomizeRenderer,
  DEFAULT_RENDER_LIMITS,
  RenderPrograms,
} from './render';
import {
  createClusterTraffic,
  createEnvoyMetrics,
  createGatewayFeatures,
  createMetricLabels,
} from './traffic';
import {
  createClusterWatch,
  createLiveSource,
  createWatchedReader,
  createWorkloadsGlance,
} from './watch';
import {
  createDelegatedRollout,
  createDigestCheck,
  createPlatformDigests,
  createWorkloads,
} from './workloads';

export interface KubernetesConnectionOptions {
  cluster: ClusterAccess;
  logger: LoggerService;
  /** Where the Envoys of the cluster's gateways tell their statistics. */
  gatewayMetrics?: URL[];
  /** What the platform says that these gateways can do. */
  gatewayFeatures?: { mirrorShares?: boolean };
  render?: RenderPrograms;
  /** Where releases are pushed to, to know what belongs to an image for several platforms. */
  registry?: RegistryAccess;
  /** What manifests may ask for; absent: nothing beyond their own pods. */
  policy?: ManifestPolicy;
  /** All namespaces that the platform gives to services of an environment. */
  namespacesIn: (environment: string) => string[];
  /** Where what runs is watched; absent: in all of the cluster. */
  watchedNamespaces?: string[];
}

/** A cluster as a connection of the engine. */
export function createKubernetesConnection(
  options: KubernetesConnectionOptions,
): Connection {
  const { cluster, logger, gatewayMetrics = [], render, policy } = options;
  const watch = createClusterWatch({
    cluster,
    logger,
    namespaces: options.watchedNamespaces,
  });
  const watched = createWatchedReader({ cluster, watch });
  const digests = createDigestCheck(
    options.registry && createPlatformDigests(options.registry),
  );
  // A step of a rollout reads what the step before it has written, and waits
  // for nothing else.
  const recent = { ...cluster, client: readRecent(cluster.client) };
  // A look of the engine reads workloads, traffic and who leads at once.
  const seen = { ...cluster, client: shareLists(recent.client) };
  const traffic = createClusterTraffic({
    cluster: recent,
    seen,
    logger,
    watched,
    features: createGatewayFeatures({
      cluster,
      logger,
      stated: options.gatewayFeatures,
    }),
    ...(gatewayMetrics.length > 0 && {
      metrics: createEnvoyMetrics({ urls: gatewayMetrics }),
    }),
  });
  const objects = createPlanObjects({ cluster, traffic, policy });
  const workloads = createWorkloads({
    cluster: recent,
    seen,
    traffic,
    policy,
    platformDigests:
      options.registry && createPlatformDigests(options.registry),
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
    workloads: {
      ...workloads,
      glance: createWorkloadsGlance({ cluster, watch }),
    },
    traffic,
    delegated: createDelegatedRollout({ cluster: recent, seen }),
    objects: {
      ...objects,
      diff: createPlanDiff({ cluster }),
    },
    jobs: createJobs({ cluster, objects }),
    giveBack: createGiveBack({ cluster, workloads, traffic, objects }),
    operations: createOperations({ cluster, watch }),
    live: createLiveSource({ cluster, watch, logger, digests }),
    logs: createLogProvider({ cluster, watch }),
    metrics: [],
    check: async ({ environment, service }, signal) =>
      checkAccess(
        {
          client: cluster.client,
          namespaces: service
            ? [await cluster.namespaceOf({ environment, service })]
            : options.namespacesIn(environment),
          watch: options.watchedNamespaces ? 'namespaces' : 'cluster',
        },
        signal,
      ),
    metricLabels: createMetricLabels({ cluster, watched }),
  };
}
