import { InputError } from '@backstage/errors';
import { KubeObject } from '../client';
import { containersOf, mapping, mappings, podSpecsOf } from './podSpecs';

/** What a platform may forbid its repositories. */
export const MANIFEST_RULES = [
  /** Objects that belong to the whole cluster. */
  'clusterScoped',
  /** Objects in another namespace than the environment's. */
  'foreignNamespace',
  /** Role and RoleBinding: a repository that gives itself rights. */
  'rbac',
  /** Folders of the node as volumes. */
  'hostPath',
  /** Ports of the node. */
  'hostPorts',
  /** Network, processes or IPC of the node. */
  'hostNamespaces',
  'privileged',
  /** Capabilities beyond NET_BIND_SERVICE. */
  'addedCapabilities',
  /** Services that take traffic for addresses that the platform did not give. */
  'externalIPs',
] as const;

export type ManifestRule = (typeof MANIFEST_RULES)[number];
export type ManifestPolicy = Record<ManifestRule, 'allow' | 'warn' | 'block'>;

/** Everything is blocked that reaches beyond the service's own pods. */
export const DEFAULT_POLICY: ManifestPolicy = {
  clusterScoped: 'block',
  foreignNamespace: 'block',
  rbac: 'block',
  hostPath: 'block',
  hostPorts: 'block',
  hostNamespaces: 'block',
  privileged: 'block',
  addedCapabilities: 'block',
  externalIPs: 'block',
};

interface Violation {
  rule: ManifestRule;
  message: string;
}

/** One object of a Plan, as the policy looks at it. */
export interface PolicySubject {
  object: KubeObject;
  /** File and line, or the object's id. */
  place: string;
  namespaced: boolean;
}

/**
 * Holds the objects of a Plan against the platform's policy.
 *
 * Returns what is let through with a warning, for people.
 *
 * Errors: `InputError` with all that is blocked, one a line.
 */
export function checkPolicy(
  subjects: PolicySubject[],
  namespace: string,
  policy: ManifestPolicy,
): string[] {
  const warnings: string[] = [];
  const blocked: string[] = [];
  for (const subject of subjects) {
    for (const { rule, message } of violations(subject, namespace)) {
      const text = `${subject.place}: ${message}`;
      if (policy[rule] === 'block') {
        blocked.push(
          `${text} (the platform's policy "${rule}" does not allow it)`,
        );
      } else if (policy[rule] === 'warn') {
        warnings.push(text);
      }
    }
  }
  if (blocked.length > 0) {
    throw new InputError(blocked.join('\n'));
  }
  return warnings;
}

function violations(
  { object, namespaced }: PolicySubject,
  namespace: string,
): Violation[] {
  const { kind, apiVersion, metadata } = object;
  const found: Violation[] = [];
  if (!namespaced) {
    found.push({
      rule: 'clusterScoped',
      message: `${kind} "${metadata.name}" belongs to the whole cluster`,
    });
  } else if (metadata.namespace && metadata.namespace !== namespace) {
    found.push({
      rule: 'foreignNamespace',
      message: `${kind} "${metadata.name}" is for namespace "${metadata.namespace}"; the environment's is "${namespace}"`,
    });
  }
  if (apiVersion.startsWith('rbac.authorization.k8s.io/')) {
    found.push({
      rule: 'rbac',
      message: `${kind} "${metadata.name}" gives rights in the cluster`,
    });
  }
  const externalIPs = mapping(object.spec).externalIPs;
  if (
    kind === 'Service' &&
    Array.isArray(externalIPs) &&
    externalIPs.length > 0
  ) {
    found.push({
      rule: 'externalIPs',
      message: `spec.externalIPs takes the traffic of ${externalIPs.join(
        ', ',
      )}`,
    });
  }
  for (const { path, spec } of podSpecsOf(object)) {
    found.push(...podViolations(path, spec));
  }
  return found;
}

function podViolations(
  path: string,
  spec: Record<string, unknown>,
): Violation[] {
  const found: Violation[] = [];
  for (const name of ['hostNetwork', 'hostPID', 'hostIPC']) {
    if (spec[name] === true) {
      found.push({
        rule: 'hostNamespaces',
        message: `${path}.${name} shares what is the node's`,
      });
    }
  }
  for (const volume of mappings(spec.volumes)) {
    if (volume.hostPath !== undefined) {
      found.push({
        rule: 'hostPath',
        message: `${path}.volumes "${volume.name}" is the folder ${
          mapping(volume.hostPath).path
        } of the node`,
      });
    }
  }
  for (const { path: place, container } of containersOf(spec)) {
    const security = mapping(container.securityContext);
    const where = `${path}.${place} "${container.name}"`;
    if (security.privileged === true) {
      found.push({
        rule: 'privileged',
        message: `${where} is privileged: it has all rights on the node`,
      });
    }
    const { add } = mapping(security.capabilities);
    const added = (Array.isArray(add) ? add : [])
      .map(String)
      .filter(name => name.replace(/^CAP_/, '') !== 'NET_BIND_SERVICE');
    if (added.length > 0) {
      found.push({
        rule: 'addedCapabilities',
        message: `${where} adds the capabilities ${added.join(', ')}`,
      });
    }
    for (const { hostPort } of mappings(container.ports)) {
      if (hostPort !== undefined && hostPort !== 0) {
        found.push({
          rule: 'hostPorts',
          message: `${where} takes the port ${hostPort} of the node`,
        });
      }
    }
  }
  return found;
}
