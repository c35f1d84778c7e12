import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';
import { parseServerUrl } from './serverUrl';
import { ClusterAuth, ClusterDetails } from './types';

/*
 * `kubernetes.clusterLocatorMethods`, as Backstage's kubernetes plugin reads
 * it, so that the platform describes its clusters once. What signs in with the
 * person who looks cannot deploy at night, and is refused with the way out.
 */

const METHODS = 'kubernetes.clusterLocatorMethods';
/** Where a pod finds the token of its service account. */
export const POD_TOKEN_FILE =
  '/var/run/secrets/kubernetes.io/serviceaccount/token';
const LOCAL_PROXY_URL = 'http://localhost:8001';

export const AUTH_PROVIDER = 'kubernetes.io/auth-provider';
export const AWS_CLUSTER_ID = 'kubernetes.io/x-k8s-aws-id';
export const AWS_ASSUME_ROLE = 'kubernetes.io/aws-assume-role';
export const AWS_EXTERNAL_ID = 'kubernetes.io/aws-external-id';

/** What `clusterLocatorMethods` says about the catalog. */
export interface CatalogMethod {
  allowedHosts: string[];
  allowSkipTlsVerify: boolean;
}

/** One entry; what is wrong with it matters to those who use it. */
export interface ClusterEntry {
  name: string;
  /** Errors: `InputError` when it is not described as it has to be. */
  read(): ClusterDetails;
}

export interface LocatorMethods {
  clusters: ClusterEntry[];
  /** `undefined`: the catalog is not asked. */
  catalog?: CatalogMethod;
  /** Methods that we cannot follow, to tell people. */
  ignored: string[];
}

/** The platform's clusters. */
export function readLocatorMethods(config: Config): LocatorMethods {
  const methods: LocatorMethods = { clusters: [], ignored: [] };
  const entries = config.getOptionalConfigArray(METHODS) ?? [];
  for (const [index, method] of entries.entries()) {
    const type = method.getString('type');
    switch (type) {
      case 'config':
        methods.clusters.push(...readClusters(config, method, index));
        break;
      case 'catalog':
        methods.catalog = {
          allowedHosts:
            method.getOptionalStringArray('dangerouslyAllowClusterUrls') ?? [],
          allowSkipTlsVerify:
            method.getOptionalBoolean('dangerouslyAllowSkipTLSVerify') ?? false,
        };
        break;
      case 'localKubectlProxy':
        methods.clusters.push({
          name: 'local',
          read: () => ({
            name: 'local',
            source: 'config',
            url: LOCAL_PROXY_URL,
            auth: { provider: 'none' },
          }),
        });
        break;
      default:
        methods.ignored.push(
          `${METHODS}[${index}]: the type "${type}" is not followed by the delivery plugin; describe the clusters it deploys to in a method of type "config" or "catalog"`,
        );
    }
  }
  return methods;
}

function readClusters(
  root: Config,
  method: Config,
  methodIndex: number,
): ClusterEntry[] {
  return method.getConfigArray('clusters').map((cluster, index) => {
    const where = `${METHODS}[${methodIndex}].clusters[${index}]`;
    const name = cluster.getString('name');
    return {
      name,
      read: () => ({
        name,
        source: 'config',
        url: parseServerUrl(cluster.getString('url'), `${where}.url`).href,
        auth: readAuth(root, cluster, { name, where, methodIndex, index }),
        caData: cluster.getOptionalString('caData'),
        caFile: cluster.getOptionalString('caFile'),
        skipTLSVerify: cluster.getOptionalBoolean('skipTLSVerify'),
      }),
    };
  });
}

function readAuth(
  root: Config,
  cluster: Config,
  place: { name: string; where: string; methodIndex: number; index: number },
): ClusterAuth {
  const metadata = (key: string) =>
    Object.entries(cluster.getOptional<object>('authMetadata') ?? {}).find(
      ([name]) => name === key,
    )?.[1];
  const text = (key: string) => {
    const value: unknown = metadata(key);
    return typeof value === 'string' && value ? value : undefined;
  };
  const provider =
    cluster.getOptionalString('authProvider') ?? text(AUTH_PROVIDER);
  switch (provider) {
    case 'serviceAccount': {
      const file = text('tokenFile');
      // Read each time: a configuration that includes a file follows it.
      const read = () => {
        const current = root
          .getOptionalConfigArray(METHODS)
          ?.[place.methodIndex]?.getOptionalConfigArray('clusters')?.[
          place.index
        ];
        return (
          current?.getOptionalString('serviceAccountToken') ??
          current?.getOptionalString('authMetadata.serviceAccountToken')
        );
      };
      if (file) {
        return { provider: 'tokenFile', file };
      }
      return read()
        ? { provider: 'token', read }
        : { provider: 'tokenFile', file: POD_TOKEN_FILE };
    }
    case 'aws':
      return {
        provider: 'aws',
        clusterId: text(AWS_CLUSTER_ID) ?? place.name,
        assumeRole:
          text(AWS_ASSUME_ROLE) ?? cluster.getOptionalString('assumeRole'),
        externalId:
          text(AWS_EXTERNAL_ID) ?? cluster.getOptionalString('externalId'),
      };
    case 'googleServiceAccount':
      return {
        provider: 'googleServiceAccount',
        readKey: () =>
          root.getOptionalString('kubernetes.googleServiceAccountCredentials'),
      };
    case 'azure':
      return { provider: 'azure' };
    case 'localKubectlProxy':
      return { provider: 'none' };
    default:
      throw unusableProvider(provider, place.where);
  }
}

const OF_THE_PERSON = ['aks', 'google', 'oidc'];

/** Says what to use instead. */
export function unusableProvider(
  provider: string | undefined,
  where: string,
): InputError {
  if (provider && OF_THE_PERSON.includes(provider)) {
    return new InputError(
      `${where}: the authProvider "${provider}" signs in as the person who looks; deployments also run while nobody does. Describe the cluster with serviceAccount, aws, googleServiceAccount or azure, or add a second entry for the delivery plugin under another name`,
    );
  }
  return new InputError(
    `${where}: expected the authProvider serviceAccount, aws, googleServiceAccount or azure; found ${
      provider ? `"${provider}"` : 'none'
    }`,
  );
}
