import { InputError } from '@backstage/errors';
import { POD_TOKEN_FILE } from './configClusters';
import { ClusterDetails } from './types';

const POD_CA_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt';

/**
 * The cluster whose pod the backend is, with the pod's service account.
 *
 * Errors: `InputError` outside a pod.
 */
export function describePodCluster(
  name: string,
  env: NodeJS.ProcessEnv,
): ClusterDetails {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) {
    throw new InputError(
      `delivery.kubernetes.inCluster names the cluster "${name}", but the backend does not run in a pod (KUBERNETES_SERVICE_HOST is not set)`,
    );
  }
  return {
    name,
    source: 'in-cluster',
    url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    auth: { provider: 'tokenFile', file: POD_TOKEN_FILE },
    caFile: POD_CA_FILE,
  };
}
