import { isError } from '@backstage/errors';
import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import { isForbidden, KubeClient } from '../client';
import { checkRights, rightsIn } from './checkRights';
import { Subject } from './manifests';
import {
  CLUSTER_RIGHTS,
  NAMESPACE_RIGHTS,
  NEEDED_KINDS,
  OLDEST_VERSION,
  Right,
  WATCHED_RIGHTS,
} from './rights';

/*
 * What is missing on a cluster, and how to give it. Everything is asked with
 * our own credentials, as the cluster answers it for them: access reviews are
 * open to everybody who can sign in.
 */

export interface AccessCheckOptions {
  client: KubeClient;
  /** Namespaces that the platform's configuration gives to services. */
  namespaces: string[];
  /** Where what runs is watched. Default: `cluster`. */
  watch?: 'cluster' | 'namespaces';
}

/** Everything that was looked at; what is right too, as `ok`. */
export async function checkAccess(
  options: AccessCheckOptions,
  signal: AbortSignal,
): Promise<ConnectionCheck[]> {
  const { client, namespaces, watch = 'cluster' } = options;
  let version: ConnectionCheck;
  try {
    version = await checkVersion(client, signal);
  } catch (error) {
    signal.throwIfAborted();
    return [unreachable(client, error)];
  }
  if (version.status !== 'ok') {
    // What follows asks for what an older one does not have.
    return [version];
  }
  let subject: Subject;
  try {
    subject = await whoAmI(client, signal);
  } catch (error) {
    signal.throwIfAborted();
    // What is missing would have to be given to somebody.
    return [
      version,
      {
        id: 'account',
        title: 'Who the backend is to the cluster',
        status: 'unknown',
        message: `It could not be asked: ${messageOf(error)}`,
      },
    ];
  }
  const everywhere = watch === 'cluster';
  const ofCluster = everywhere
    ? [...WATCHED_RIGHTS, ...CLUSTER_RIGHTS]
    : CLUSTER_RIGHTS;
  const ofNamespace = everywhere
    ? NAMESPACE_RIGHTS
    : [...WATCHED_RIGHTS, ...NAMESPACE_RIGHTS];
  const rightsOf = (place: string | undefined, rights: Right[]) =>
    lookedAt(
      rightsIn(place),
      signal,
      async () =>
        (place && (await checkNamespace(client, place, signal))) ||
        checkRights({ client, rights, subject, place }, signal),
    );
  const checks = [version, await rightsOf(undefined, ofCluster)];
  for (const namespace of new Set(namespaces)) {
    checks.push(await rightsOf(namespace, ofNamespace));
  }
  return [...checks, ...(await checkKinds(client, signal))];
}

function unreachable(client: KubeClient, error: unknown): ConnectionCheck {
  return {
    id: 'reachable',
    title: `Cluster ${client.cluster} answers`,
    status: 'missing',
    message: messageOf(error),
    fix: 'Check the address, the certificate authority and the credentials of the cluster in kubernetes.clusterLocatorMethods; kubectl has to be able to reach it from where the backend runs.',
  };
}

async function checkVersion(
  client: KubeClient,
  signal: AbortSignal,
): Promise<ConnectionCheck> {
  const { gitVersion } = await client.raw<{ gitVersion: string }>(
    { method: 'GET', path: '/version' },
    signal,
  );
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  const oldest = `${OLDEST_VERSION.major}.${OLDEST_VERSION.minor}`;
  const isKnown = major !== undefined && minor !== undefined;
  const isOld =
    Number(major) < OLDEST_VERSION.major ||
    (Number(major) === OLDEST_VERSION.major &&
      Number(minor) < OLDEST_VERSION.minor);
  return {
    id: 'version',
    title: `Kubernetes ${oldest} or newer`,
    status: isKnown && isOld ? 'missing' : 'ok',
    message: `The cluster runs ${gitVersion}`,
    ...(isKnown && isOld && { fix: `Upgrade the cluster to ${oldest}.` }),
  };
}

async function whoAmI(
  client: KubeClient,
  signal: AbortSignal,
): Promise<Subject> {
  const { status } = await client.raw<{
    status?: { userInfo?: { username?: string } };
  }>(
    {
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'SelfSubjectReview',
      },
    },
    signal,
  );
  const name = status?.userInfo?.username ?? 'UNKNOWN';
  const [, namespace, account] =
    /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name) ?? [];
  return account
    ? { kind: 'ServiceAccount', name: account, namespace }
    : { kind: 'User', name };
}

/** `undefined`: the namespace is there. */
async function checkNamespace(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): Promise<ConnectionCheck | undefined> {
  let problem: string | undefined;
  try {
    const found = await client.get(
      { apiVersion: 'v1', kind: 'Namespace', name: namespace },
      signal,
    );
    if (found && !found.metadata.deletionTimestamp) {
      return undefined;
    }
    problem = found ? 'It is being deleted' : 'It does not exist';
  } catch (error) {
    // Without the right to look, the rights in it are asked for anyway.
    if (isForbidden(error)) {
      return undefined;
    }
    throw error;
  }
  return {
    id: `namespace:${namespace}`,
    title: `Namespace ${namespace} is there`,
    status: 'missing',
    message: problem,
    fix: `kubectl create namespace ${namespace}`,
  };
}

async function checkKinds(
  client: KubeClient,
  signal: AbortSignal,
): Promise<ConnectionCheck[]> {
  return Promise.all(
    NEEDED_KINDS.map(async needed => {
      const { apiVersion, kind, reason, optional, install } = needed;
      const named = {
        id: `kind:${apiVersion}/${kind}`,
        title: `${kind} (${apiVersion})`,
      };
      return lookedAt(named, signal, async () =>
        (await client.resource(apiVersion, kind, signal))
          ? { ...named, status: 'ok', message: 'The cluster serves it' }
          : {
              ...named,
              status: optional ? 'limited' : 'missing',
              message: `The cluster does not serve it; it is needed ${reason}`,
              fix:
                install ??
                `Upgrade the cluster to one that serves ${apiVersion}.`,
            },
      );
    }),
  );
}

/** What cannot be looked at is unknown, and spoils nothing beside it. */
async function lookedAt(
  named: Pick<ConnectionCheck, 'id' | 'title'>,
  signal: AbortSignal,
  look: () => Promise<ConnectionCheck>,
): Promise<ConnectionCheck> {
  try {
    return await look();
  } catch (error) {
    signal.throwIfAborted();
    return {
      ...named,
      status: 'unknown',
      message: `It could not be looked at: ${messageOf(error)}`,
    };
  }
}

function messageOf(error: unknown): string {
  return isError(error) ? error.message : String(error);
}
