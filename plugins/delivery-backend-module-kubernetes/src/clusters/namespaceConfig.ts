import { parseEntityRef, stringifyEntityRef } from '@backstage/catalog-model';
import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';

/** Every condition that is there has to be met; without any, all services meet it. */
export interface NamespaceRule {
  namespace: string;
  /** Whole entity refs. */
  service?: string;
  system?: string;
  owner?: string;
}

export interface EnvironmentNamespaces {
  environment: string;
  /** The cluster that the environment's connection names. */
  cluster: string;
  /** Where it stands in the configuration. */
  at: string;
  /** The first that is met gives the namespace. */
  rules: NamespaceRule[];
}

const KEY = 'delivery.kubernetes.environments';
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const DEFAULT_KIND = { service: 'Component', system: 'System', owner: 'Group' };

/**
 * `delivery.kubernetes.environments`: which namespaces the platform gives to
 * the services of an environment.
 *
 * Errors: `InputError` naming the key, what was expected and what was found;
 * also when an environment of the type `kubernetes` is given no namespace.
 */
export function readNamespaces(config: Config): EnvironmentNamespaces[] {
  const onKubernetes = (
    config.getOptionalConfigArray('delivery.environments') ?? []
  )
    .filter(
      entry => entry.getOptionalString('connection.type') === 'kubernetes',
    )
    .map(entry => ({
      name: entry.getString('name'),
      cluster: entry.getOptionalString('connection.name') ?? 'default',
    }));
  const environments = (config.getOptionalConfigArray(KEY) ?? []).map(
    (entry, index) => readEnvironment(entry, `${KEY}[${index}]`, onKubernetes),
  );
  environments.forEach(({ environment, at }, index) => {
    if (
      environments.some((other, n) => n < index && same(other, environment))
    ) {
      throw wrong(`${at}.environment`, 'each environment once', environment);
    }
  });
  const missing = onKubernetes
    .map(({ name }) => name)
    .filter(name => !environments.some(entry => same(entry, name)));
  if (missing.length > 0) {
    throw new InputError(
      `${KEY} gives no namespace to the environment${
        missing.length > 1 ? 's' : ''
      } ${missing.join(
        ', ',
      )}, whose connection is of the type kubernetes; add { environment: ${
        missing[0]
      }, namespace: ... }`,
    );
  }
  return environments;
}

function same(entry: EnvironmentNamespaces, name: string): boolean {
  return entry.environment === name;
}

function readEnvironment(
  entry: Config,
  at: string,
  onKubernetes: Array<{ name: string; cluster: string }>,
): EnvironmentNamespaces {
  onlyKeys(entry, at, ['environment', 'namespace', 'namespaces']);
  const environment = entry.getString('environment');
  const found = onKubernetes.find(({ name }) => name === environment);
  if (!found) {
    throw wrong(
      `${at}.environment`,
      `an environment of delivery.environments whose connection is of the type kubernetes (${
        onKubernetes.map(({ name }) => name).join(', ') || 'there is none'
      })`,
      environment,
    );
  }
  if (entry.has('namespace') === entry.has('namespaces')) {
    throw wrong(
      at,
      'either "namespace", for every service, or a list of "namespaces"',
      entry.has('namespace') ? 'both' : 'neither',
    );
  }
  const rules = entry.has('namespace')
    ? [{ namespace: readNamespace(entry, at) }]
    : entry
        .getConfigArray('namespaces')
        .map((rule, index) => readRule(rule, `${at}.namespaces[${index}]`));
  return { environment, cluster: found.cluster, at, rules };
}

/** All namespaces that services of one environment may be deployed to. */
export function namespacesIn(
  environments: EnvironmentNamespaces[],
  environment: string,
): string[] {
  return given(environments.filter(entry => same(entry, environment)));
}

/** All namespaces that services may be deployed to on one cluster. */
export function namespacesOn(
  environments: EnvironmentNamespaces[],
  cluster: string,
): string[] {
  return given(environments.filter(entry => entry.cluster === cluster));
}

/** Each once. */
function given(environments: EnvironmentNamespaces[]): string[] {
  const names = environments.flatMap(({ rules }) =>
    rules.map(({ namespace }) => namespace),
  );
  return [...new Set(names)];
}

/**
 * `delivery.kubernetes.watch`: whether what runs is watched in all of a
 * cluster, or in the namespaces that are deployed to.
 */
export function readWatchScope(config: Config): 'cluster' | 'namespaces' {
  const scope =
    config.getOptionalString('delivery.kubernetes.watch') ?? 'cluster';
  if (scope !== 'cluster' && scope !== 'namespaces') {
    throw wrong(
      'delivery.kubernetes.watch',
      '"cluster" or "namespaces"',
      scope,
    );
  }
  return scope;
}

function readRule(rule: Config, at: string): NamespaceRule {
  onlyKeys(rule, at, ['namespace', 'service', 'system', 'owner']);
  return {
    namespace: readNamespace(rule, at),
    service: readRef(rule, 'service', at),
    system: readRef(rule, 'system', at),
    owner: readRef(rule, 'owner', at),
  };
}

function readNamespace(entry: Config, at: string): string {
  const namespace = entry.getString('namespace');
  if (!NAMESPACE.test(namespace)) {
    throw wrong(
      `${at}.namespace`,
      'lowercase letters, digits and "-", at most 63 of them',
      namespace,
    );
  }
  if (namespace.startsWith('kube-')) {
    throw wrong(
      `${at}.namespace`,
      "a namespace that is not one of Kubernetes' own",
      namespace,
    );
  }
  return namespace;
}

function readRef(
  rule: Config,
  key: keyof typeof DEFAULT_KIND,
  at: string,
): string | undefined {
  const text = rule.getOptionalString(key);
  if (text === undefined) {
    return undefined;
  }
  try {
    return stringifyEntityRef(
      parseEntityRef(text, {
        defaultKind: DEFAULT_KIND[key],
        defaultNamespace: 'default',
      }),
    );
  } catch (error) {
    throw new InputError(`${at}.${key}: expected an entity ref`, error);
  }
}

function onlyKeys(entry: Config, at: string, known: string[]): void {
  const unknown = entry.keys().find(key => !known.includes(key));
  if (unknown) {
    throw wrong(at, `the keys ${known.join(', ')}`, unknown);
  }
}

function wrong(at: string, expected: string, found: string): InputError {
  return new InputError(`${at}: expected ${expected}; found "${found}"`);
}
