import { AuthService } from '@backstage/backend-plugin-api';
import { Entity, stringifyEntityRef } from '@backstage/catalog-model';
import { ConflictError, InputError, NotAllowedError } from '@backstage/errors';
import { CatalogService } from '@backstage/plugin-catalog-node';
import {
  AUTH_PROVIDER,
  AWS_ASSUME_ROLE,
  AWS_CLUSTER_ID,
  AWS_EXTERNAL_ID,
  CatalogMethod,
  unusableProvider,
} from './configClusters';
import {
  hostMatches,
  hostOf,
  parseServerUrl,
  parseUntrustedServerUrl,
} from './serverUrl';
import { ClusterAuth, ClusterDetails } from './types';

const API_SERVER = 'kubernetes.io/api-server';
const API_SERVER_CA = 'kubernetes.io/api-server-certificate-authority';
const SKIP_TLS_VERIFY = 'kubernetes.io/skip-tls-verify';

/** Hosts that belong to whoever our credentials are for. */
const OWN_HOSTS: Record<string, string[]> = {
  aws: ['*.eks.amazonaws.com', '*.eks.amazonaws.com.cn'],
  googleServiceAccount: ['*.gke.goog'],
  azure: ['*.azmk8s.io', '*.azmk8s.us', '*.cx.prod.service.azk8s.cn'],
};

/**
 * The cluster of that name in the catalog: a Resource of the type
 * `kubernetes-cluster` with the annotations of Backstage's kubernetes plugin;
 * `undefined`: none.
 *
 * Errors: `ConflictError` when several have the name; `InputError` and
 * `NotAllowedError` when it is described as it must not be.
 */
export async function findCatalogCluster(options: {
  name: string;
  method: CatalogMethod;
  catalog: CatalogService;
  auth: AuthService;
  readGoogleKey: () => string | undefined;
}): Promise<ClusterDetails | undefined> {
  const { name, catalog, auth } = options;
  const { items } = await catalog.getEntities(
    {
      filter: {
        kind: 'Resource',
        'spec.type': 'kubernetes-cluster',
        'metadata.name': name,
      },
    },
    { credentials: await auth.getOwnServiceCredentials() },
  );
  if (items.length > 1) {
    throw new ConflictError(
      `Several clusters of the catalog are called "${name}": ${items
        .map(entity => stringifyEntityRef(entity))
        .join(
          ', ',
        )}; the delivery plugin deploys to none of them until one name is left`,
    );
  }
  const [entity] = items;
  return entity && readEntity(entity, options);
}

function readEntity(
  entity: Entity,
  options: {
    name: string;
    method: CatalogMethod;
    readGoogleKey: () => string | undefined;
  },
): ClusterDetails {
  const { name, method } = options;
  const where = stringifyEntityRef(entity);
  const annotations = entity.metadata.annotations ?? {};
  const provider = annotations[AUTH_PROVIDER];
  const text = annotations[API_SERVER];
  if (!text) {
    throw new InputError(`${where}: the annotation ${API_SERVER} is missing`);
  }
  const place = `${where}, annotation ${API_SERVER}`;
  const host = hostOf(parseServerUrl(text, place));
  const isAllowed = method.allowedHosts.some(pattern =>
    hostMatches(host, pattern),
  );
  const url = isAllowed
    ? parseServerUrl(text, place)
    : parseUntrustedServerUrl(text, place);
  const auth = readAuth(annotations, where, options);
  // What our credentials can be used for at the cloud is not the business of
  // whoever registers an entity.
  const own = OWN_HOSTS[provider] ?? [];
  if (!isAllowed && !own.some(pattern => hostMatches(host, pattern))) {
    throw new NotAllowedError(
      `${where}: credentials for "${provider}" are not sent to ${host}, which is none of ${own.join(
        ', ',
      )}; the platform can allow it by its host in dangerouslyAllowClusterUrls of the locator method "catalog"`,
    );
  }
  const skips = annotations[SKIP_TLS_VERIFY] === 'true';
  if (skips && !method.allowSkipTlsVerify) {
    throw new NotAllowedError(
      `${where}: the annotation ${SKIP_TLS_VERIFY} is not allowed; the platform can allow it by dangerouslyAllowSkipTLSVerify of the locator method "catalog"`,
    );
  }
  return {
    name,
    source: 'catalog',
    url: url.href,
    auth,
    caData: annotations[API_SERVER_CA],
    skipTLSVerify: skips,
    publicOnly: !isAllowed,
  };
}

function readAuth(
  annotations: Record<string, string>,
  where: string,
  options: { name: string; readGoogleKey: () => string | undefined },
): ClusterAuth {
  const provider = annotations[AUTH_PROVIDER];
  switch (provider) {
    case 'aws':
      return {
        provider,
        clusterId: annotations[AWS_CLUSTER_ID] ?? options.name,
        assumeRole: annotations[AWS_ASSUME_ROLE],
        externalId: annotations[AWS_EXTERNAL_ID],
      };
    case 'googleServiceAccount':
      return { provider, readKey: options.readGoogleKey };
    case 'azure':
      return { provider };
    case 'serviceAccount':
      // The only token at hand would be the one of our own pod.
      throw new NotAllowedError(
        `${where}: a cluster of the catalog cannot use the authProvider "serviceAccount", as the catalog holds no token and the backend's own is not sent to an address from the catalog; describe it in a locator method of type "config"`,
      );
    default:
      throw unusableProvider(provider, where);
  }
}
