import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import { KubeClient } from '../client';
import { clusterRights, namespaceRights, Subject, toYaml } from './manifests';
import { Right } from './rights';

const AT_ONCE = 8;

export interface RightsToCheck {
  client: KubeClient;
  rights: Right[];
  subject: Subject;
  /** A namespace; `undefined`: all of the cluster. */
  place: string | undefined;
}

/** How the check of the rights in a place is called. */
export function rightsIn(
  place: string | undefined,
): Pick<ConnectionCheck, 'id' | 'title'> {
  return {
    id: place ? `rights:${place}` : 'rights',
    title: place
      ? `Rights to deploy to namespace ${place}`
      : 'Rights to see what runs in the cluster',
  };
}

/** One check for all rights in one place; its fix gives all that are missing. */
export async function checkRights(
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
  const common = rightsIn(place);
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
