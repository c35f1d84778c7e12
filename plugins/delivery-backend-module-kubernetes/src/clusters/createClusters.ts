import { AuthService, LoggerService } from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import { NotFoundError } from '@backstage/errors';
import { CatalogService } from '@backstage/plugin-catalog-node';
import { EndpointSource, kubeConfigEndpoint } from '../client';
import { findCatalogCluster } from './catalogClusters';
import { readLocatorMethods } from './configClusters';
import { createEndpoint } from './endpoint';
import { describePodCluster } from './inCluster';
import { createKubeconfigReader, kubeconfigFiles } from './kubeconfig';
import { ClusterDetails, ClusterSource } from './types';

/** A cluster that was found by its name. */
export interface FoundCluster {
  name: string;
  source: ClusterSource;
  endpoint: EndpointSource;
}

export interface Clusters {
  /**
   * The cluster that an environment's connection names: of
   * `kubernetes.clusterLocatorMethods`, of a kubeconfig, the one that the
   * backend runs in, or of the catalog, where these are turned on. What the
   * platform has configured comes before what the catalog says.
   *
   * Errors: `NotFoundError` saying where was looked; `InputError`,
   * `ConflictError` and `NotAllowedError` when it is described as it must not
   * be; what the catalog throws.
   */
  find(name: string): Promise<FoundCluster>;
}

/** A place where clusters are described. */
interface Place {
  title: string;
  find(name: string): Promise<FoundCluster | undefined>;
}

export function createClusters(options: {
  config: Config;
  catalog: CatalogService;
  auth: AuthService;
  logger: LoggerService;
  env?: NodeJS.ProcessEnv;
}): Clusters {
  const { config, catalog, auth, logger, env = process.env } = options;
  const methods = readLocatorMethods(config);
  methods.ignored.forEach(text => logger.info(text));

  const described = (details: ClusterDetails): FoundCluster => ({
    name: details.name,
    source: details.source,
    endpoint: createEndpoint(details, config),
  });

  const names = methods.clusters.map(({ name }) => name).join(', ');
  const places: Place[] = [
    {
      title: `kubernetes.clusterLocatorMethods (${names || 'none there'})`,
      async find(name) {
        const entry = methods.clusters.find(other => other.name === name);
        return entry && described(entry.read());
      },
    },
  ];
  if (config.getOptionalBoolean('delivery.kubernetes.kubeconfig.enabled')) {
    const files = kubeconfigFiles(
      config.getOptionalString('delivery.kubernetes.kubeconfig.file'),
      env,
    );
    const reader = createKubeconfigReader(files);
    places.push({
      title: 'the kubeconfig (delivery.kubernetes.kubeconfig)',
      find: async name =>
        (await reader.has(name))
          ? {
              name,
              source: 'kubeconfig',
              endpoint: kubeConfigEndpoint(() => reader.load(name)),
            }
          : undefined,
    });
  }
  const podCluster = config.getOptionalString(
    'delivery.kubernetes.inCluster.name',
  );
  if (podCluster) {
    places.push({
      title: `delivery.kubernetes.inCluster (${podCluster})`,
      find: async name =>
        name === podCluster
          ? described(describePodCluster(name, env))
          : undefined,
    });
  }
  const { catalog: method } = methods;
  if (method) {
    places.push({
      title: 'the catalog',
      async find(name) {
        const details = await findCatalogCluster({
          name,
          method,
          catalog,
          auth,
          readGoogleKey: () =>
            config.getOptionalString(
              'kubernetes.googleServiceAccountCredentials',
            ),
        });
        return details && described(details);
      },
    });
  }

  return {
    async find(name) {
      for (const place of places) {
        const found = await place.find(name);
        if (found) {
          return found;
        }
      }
      throw new NotFoundError(
        [
          `There is no cluster "${name}" in ${places
            .map(({ title }) => title)
            .join(', ')}; describe it in one of them`,
          ...methods.ignored,
        ].join('. '),
      );
    },
  };
}
