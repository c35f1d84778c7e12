import type { KubeConfig } from '@kubernetes/client-node';
import {
  CLUSTER_RIGHTS,
  NAMESPACE_RIGHTS,
  Subject,
  WATCHED_RIGHTS,
  clusterRights,
  namespaceRights,
} from '../access';
import {
  Endpoint,
  EndpointSource,
  KubeClient,
  KubeObject,
  isConflict,
  kubeConfigEndpoint,
  refOf,
} from '../client';

const TOKEN_SECONDS = 3 * 3_600;
/** Stays: the next suites need it too. */
const ACCOUNTS = 'slipway-accounts-of-tests';
const manager = { fieldManager: 'slipway-test' };

/**
 * The service account of the module's manifests. Like theirs it is not of the
 * namespace that is deployed to, and does not end with it.
 */
export interface TestIdentity {
  account: Subject & { namespace: string };
  /** As a cluster of Backstage's configuration is described. */
  settings: { url: string; caData: string; serviceAccountToken: string };
  endpoint: EndpointSource;
  /** Takes back what it was given outside of the namespace. */
  remove(): Promise<void>;
}

/** Gives a new service account the rights of the manifests in a namespace, and no others. */
export async function createTestIdentity(options: {
  admin: KubeClient;
  kubeConfig: KubeConfig;
  namespace: string;
  signal: AbortSignal;
}): Promise<TestIdentity> {
  const { admin, namespace, signal } = options;
  const subject = {
    kind: 'ServiceAccount' as const,
    name: `slipway-of-${namespace}`,
    namespace: ACCOUNTS,
  };
  const watched = [...WATCHED_RIGHTS, ...CLUSTER_RIGHTS];
  const name = `slipway-watch-${namespace}`;
  const ofCluster = clusterRights(watched, { name, subject });
  const account: KubeObject = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: subject.name, namespace: subject.namespace },
  };
  await createOnce(
    admin,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ACCOUNTS } },
    signal,
  );
  for (const object of [
    account,
    ...ofCluster,
    ...namespaceRights(NAMESPACE_RIGHTS, {
      name: 'slipway-deliver',
      subject,
      namespace,
    }),
  ]) {
    await admin.apply(object, manager, signal);
  }
  const { status } = await admin.raw<{ status: { token: string } }>(
    {
      method: 'POST',
      path: `/api/v1/namespaces/${subject.namespace}/serviceaccounts/${subject.name}/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: TOKEN_SECONDS },
      },
    },
    signal,
  );
  const { server, tls } = await kubeConfigEndpoint(
    () => options.kubeConfig,
  ).current();
  const { ca, rejectUnauthorized, servername } = tls;
  const endpoint: Endpoint = {
    server,
    tls: { ca, rejectUnauthorized, servername },
    headers: { Authorization: `Bearer ${status.token}` },
  };
  return {
    account: subject,
    settings: {
      url: server,
      caData: Buffer.from(String(ca)).toString('base64'),
      serviceAccountToken: status.token,
    },
    endpoint: { current: async () => endpoint, renew: () => undefined },
    async remove() {
      for (const object of [...ofCluster, account]) {
        await admin.delete(refOf(object), {}, signal);
      }
    },
  };
}

async function createOnce(
  admin: KubeClient,
  object: KubeObject,
  signal: AbortSignal,
): Promise<void> {
  try {
    await admin.create(object, manager, signal);
  } catch (error) {
    if (!isConflict(error)) {
      throw error;
    }
  }
}
