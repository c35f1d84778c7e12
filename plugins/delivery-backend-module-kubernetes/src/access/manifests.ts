import { stringify } from 'yaml';
import { KubeObject } from '../client';
import {
  CLUSTER_RIGHTS,
  NAMESPACE_RIGHTS,
  Right,
  WATCHED_RIGHTS,
} from './rights';

/** Who gets the rights. */
export interface Subject {
  kind: 'ServiceAccount' | 'User' | 'Group';
  name: string;
  /** Of a ServiceAccount. */
  namespace?: string;
}

const RBAC = 'rbac.authorization.k8s.io';

/** The service account of the manifests. */
export const DEFAULT_SUBJECT: Subject = {
  kind: 'ServiceAccount',
  name: 'slipway',
  namespace: 'slipway',
};

/** Rules of a role; resources with the same verbs of one group stand together. */
export function rulesOf(rights: Right[]) {
  const rules = new Map<
    string,
    { apiGroups: string[]; resources: string[]; verbs: string[] }
  >();
  for (const { group, resource, verbs } of rights) {
    const key = JSON.stringify([group, verbs]);
    const rule = rules.get(key) ?? {
      apiGroups: [group],
      resources: [],
      verbs: [...verbs],
    };
    rule.resources.push(resource);
    rules.set(key, rule);
  }
  return [...rules.values()];
}

function role(
  kind: 'Role' | 'ClusterRole',
  name: string,
  rights: Right[],
  namespace?: string,
): KubeObject {
  return {
    apiVersion: `${RBAC}/v1`,
    kind,
    metadata: { name, ...(namespace && { namespace }) },
    rules: rulesOf(rights),
  };
}

function binding(
  kind: 'Role' | 'ClusterRole',
  name: string,
  subject: Subject,
  namespace?: string,
): KubeObject {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: `${kind}Binding`,
    metadata: { name, ...(namespace && { namespace }) },
    roleRef: { apiGroup: RBAC, kind, name },
    subjects: [
      subject.kind === 'ServiceAccount'
        ? { ...subject }
        : { apiGroup: RBAC, kind: subject.kind, name: subject.name },
    ],
  };
}

/** Reading the whole cluster, bound to the subject. */
export function clusterRights(
  rights: Right[],
  options: { name: string; subject: Subject },
): KubeObject[] {
  const { name, subject } = options;
  return [
    role('ClusterRole', name, rights),
    binding('ClusterRole', name, subject),
  ];
}

/**
 * Rights in one namespace, bound to the subject. Without a namespace they go
 * where `kubectl apply --namespace` says.
 */
export function namespaceRights(
  rights: Right[],
  options: { name: string; subject: Subject; namespace?: string },
): KubeObject[] {
  const { name, subject, namespace } = options;
  return [
    role('Role', name, rights, namespace),
    binding('Role', name, subject, namespace),
  ];
}

/** Documents of YAML, as `kubectl apply -f` takes them. */
export function toYaml(objects: KubeObject[]): string {
  return objects
    .map(object =>
      stringify(object, {
        lineWidth: 0,
        aliasDuplicateObjects: false,
        singleQuote: true,
      }),
    )
    .join('---\n');
}

function table(rights: Right[]): string {
  return rights
    .map(
      ({ group, resource, verbs, reason, optional }) =>
        `#   ${resource}${group && `.${group}`} (${verbs.join(
          ', ',
        )}): ${reason}${optional ? '; may be left out' : ''}`,
    )
    .join('\n');
}

/** The files of the folder `manifests`, by name. */
export function manifestFiles(): Record<string, string> {
  const { name, namespace = '' } = DEFAULT_SUBJECT;
  const subject = DEFAULT_SUBJECT;
  const watched = [...WATCHED_RIGHTS, ...CLUSTER_RIGHTS];
  const account: KubeObject[] = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name, namespace },
      automountServiceAccountToken: false,
    },
  ];
  return {
    'account.yaml': `# The service account that Slipway signs in with.
#   kubectl apply -f account.yaml
${toYaml(account)}`,
    'watch-cluster.yaml': `# Slipway sees what runs, in all namespaces, and changes nothing.
#   kubectl apply -f watch-cluster.yaml
# What it reads:
${table(watched)}
${toYaml(clusterRights(watched, { name: 'slipway-watch', subject }))}`,
    'deliver-namespace.yaml': `# Slipway deploys to one namespace; apply it to each.
#   kubectl apply --namespace NAMESPACE -f deliver-namespace.yaml
# What it writes:
${table(NAMESPACE_RIGHTS)}
${toYaml(
  namespaceRights(NAMESPACE_RIGHTS, { name: 'slipway-deliver', subject }),
)}`,
    'watch-namespace.yaml': `# Instead of watch-cluster.yaml, with delivery.kubernetes.watch: namespaces;
# apply it to each namespace.
#   kubectl apply --namespace NAMESPACE -f watch-namespace.yaml
# What it reads:
${table(WATCHED_RIGHTS)}
${toYaml(namespaceRights(WATCHED_RIGHTS, { name: 'slipway-watch', subject }))}`,
  };
}
