import { isError } from '@backstage/errors';
import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import { isForbidden, KubeClient } from '../client';
import { clusterRights, namespaceRights, Subject, toYaml } from './manifests';
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

const AT_ONCE = 8;

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
  const subject = await whoAmI(client, signal);
  const everywhere = watch === 'cluster';
  const ofCluster = everywhere
    ? [...WATCHED_RIGHTS, ...CLUSTER_RIGHTS]
    : CLUSTER_RIGHTS;
  const ofNamespace = everywhere
    ? NAMESPACE_RIGHTS
    : [...WATCHED_RIGHTS, ...NAMESPACE_RIGHTS];
  const checks = [
    version,
    await checkRights(
      { client, rights: ofCluster, subject, place: undefined },
      signal,
    ),
  ];
  for (const namespace of namespaces) {
    const missing = await checkNamespace(client, namespace, signal);
    checks.push(
      missing ??
        (await checkRights(
          { client, rights: ofNamespace, subject, place: namespace },
          signal,
        )),
    );
  }
  return [...checks, ...(await checkKinds(client, signal))];
}

function unreachable(client: KubeClient, error: unknown): ConnectionCheck {
  const message = isError(error) ? error.message : String(error);
  return {
    id: 'reachable',
    title: `Cluster ${client.cluster} answers`,
    status: 'missing',
    message,
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

interface RightsToCheck {
  client: KubeClient;
  rights: Right[];
  subject: Subject;
  /** A namespace; `undefined`: all of the cluster. */
  place: string | undefined;
}

/** One check for all rights in one place; its fix gives all that are missing. */
async function checkRights(
  { client, rights, subject, place }: RightsToCheck,
  signal: AbortSignal,
): Promise<ConnectionCheck> {
  const asked = rights.flatMap(right =>
    right.verbs.map(verb => ({ right, verb })),
  );
  const refused: Array<{ right: Right; verb: string }> = [];
  for (let from = 0; from < asked.length; from += AT_ONCE) {
    const some = asked.slice(from, from + AT_ONCE);
    const answers = await Promise.all(
      some.map(({ right, verb }) => may(client, right, verb, place, signal)),
    );
    refused.push(...some.filter((_, index) => !answers[index]));
  }
  const lacking = rights.flatMap(right => {
    const verbs = refused
      .filter(entry => entry.right === right)
      .map(({ verb }) => verb);
    return verbs.length > 0 ? [{ ...right, verbs }] : [];
  });
  const required = lacking.filter(({ optional }) => !optional);
  const common = {
    id: place ? `rights:${place}` : 'rights',
    title: place
      ? `Rights to deploy to namespace ${place}`
      : 'Rights to see what runs in the cluster',
  };
  if (lacking.length === 0) {
    return {
      ...common,
      status: 'ok',
      message: `${subject.name} has all that is needed`,
    };
  }
  const name = `slipway-${place ? 'deliver' : 'watch'}-missing`;
  return {
    ...common,
    status: required.length > 0 ? 'missing' : 'limited',
    message: lacking
      .map(
        ({ group, resource, verbs, reason, optional }) =>
          `${subject.name} may not ${verbs.join(', ')} ${resource}${
            group && `.${group}`
          }, which is needed ${reason}${optional ? ' (may be left out)' : ''}`,
      )
      .join('\n'),
    fix: `kubectl apply -f - <<'EOF'\n${toYaml(
      place
        ? namespaceRights(lacking, { name, subject, namespace: place })
        : clusterRights(lacking, { name, subject }),
    )}EOF`,
  };
}

async function may(
  client: KubeClient,
  { group, resource }: Right,
  verb: string,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const [name, subresource] = resource.split('/');
  const { status } = await client.raw<{ status?: { allowed?: boolean } }>(
    {
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: {
          resourceAttributes: {
            verb,
            group,
            resource: name,
            subresource,
            namespace,
          },
        },
      },
    },
    signal,
  );
  return status?.allowed === true;
}

async function checkKinds(
  client: KubeClient,
  signal: AbortSignal,
): Promise<ConnectionCheck[]> {
  return Promise.all(
    NEEDED_KINDS.map(async needed => {
      const { apiVersion, kind, reason, optional, install } = needed;
      const served = await client.resource(apiVersion, kind, signal);
      const common = {
        id: `kind:${apiVersion}/${kind}`,
        title: `${kind} (${apiVersion})`,
      };
      return served
        ? { ...common, status: 'ok' as const, message: 'The cluster serves it' }
        : {
            ...common,
            status: optional ? ('limited' as const) : ('missing' as const),
            message: `The cluster does not serve it; it is needed ${reason}`,
            fix:
              install ??
              `Upgrade the cluster to one that serves ${apiVersion}.`,
          };
    }),
  );
}
