import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';
import {
  PolicyRule,
  Severity,
} from '@slipway/backstage-plugin-delivery-common';
import { didYouMean } from './problems';

/** An environment as the platform's configuration describes it. */
export interface EnvironmentConfig {
  name: string;
  title: string;
  /** Free text for permission rules and people: `staging`, `production`. */
  tier: string;
  connection: { type: string; name: string };
  /** Whether anything may be deployed without a person asking for it. */
  automation: boolean;
  /** What happens to a deployment while another one is active. */
  queue: 'queue' | 'supersede' | 'reject';
  /** What is done about what others have changed; default `tell`. */
  drift?: 'tell' | 'repair';
  /** The floor; definitions only add to it. */
  policy: { block: PolicyRule[] };
  /** Place in the promotion order, from 0. */
  order: number;
}

const KEY = 'delivery.environments';
const QUEUES = ['queue', 'supersede', 'reject'] as const;
const DRIFT = ['tell', 'repair'] as const;
const SEVERITIES: readonly Severity[] = [
  'critical',
  'high',
  'medium',
  'low',
  'unknown',
];
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The platform's environments, in promotion order. Unknown keys are errors: a
 * misspelt `policy` would remove a gate without anyone seeing it.
 *
 * Errors: `InputError` naming the key, what was expected and what was found.
 */
export function readEnvironments(config: Config): EnvironmentConfig[] {
  const environments = (config.getOptionalConfigArray(KEY) ?? []).map(
    (entry, order) => readEnvironment(entry, `${KEY}[${order}]`, order),
  );
  environments.forEach(({ name }, index) => {
    if (environments.findIndex(other => other.name === name) < index) {
      throw wrong(
        `${KEY}[${index}].name`,
        'a name of its own',
        `"${name}" a second time`,
      );
    }
  });
  return environments;
}

function readEnvironment(
  entry: Config,
  at: string,
  order: number,
): EnvironmentConfig {
  onlyKeys(entry, at, [
    'name',
    'title',
    'tier',
    'connection',
    'automation',
    'queue',
    'drift',
    'policy',
  ]);
  const name = entry.getString('name');
  if (!NAME.test(name)) {
    throw wrong(
      `${at}.name`,
      'lowercase letters, digits and "-", at most 63 of them',
      `"${name}"`,
    );
  }
  const connection = entry.getConfig('connection');
  onlyKeys(connection, `${at}.connection`, ['type', 'name']);
  const policy = entry.getOptionalConfig('policy');
  if (policy) {
    onlyKeys(policy, `${at}.policy`, ['block']);
  }
  return {
    name,
    title: entry.getOptionalString('title') ?? name,
    tier: entry.getOptionalString('tier') ?? name,
    connection: {
      type: connection.getString('type'),
      name: connection.getOptionalString('name') ?? 'default',
    },
    automation: entry.getOptionalBoolean('automation') ?? true,
    queue: oneOf(
      entry.getOptionalString('queue') ?? 'supersede',
      QUEUES,
      `${at}.queue`,
    ),
    drift: oneOf(
      entry.getOptionalString('drift') ?? 'tell',
      DRIFT,
      `${at}.drift`,
    ),
    policy: {
      block: (policy?.getOptionalConfigArray('block') ?? []).map(
        (rule, index) => readRule(rule, `${at}.policy.block[${index}]`),
      ),
    },
    order,
  };
}

function readRule(rule: Config, at: string): PolicyRule {
  onlyKeys(rule, at, ['severity', 'fixable']);
  const fixable = rule.getOptionalBoolean('fixable');
  return {
    severity: oneOf(rule.getString('severity'), SEVERITIES, `${at}.severity`),
    ...(fixable !== undefined && { fixable }),
  };
}

function oneOf<T extends string>(
  found: string,
  allowed: readonly T[],
  at: string,
): T {
  const match = allowed.find(candidate => candidate === found);
  if (match === undefined) {
    throw wrong(
      at,
      `one of ${allowed.join(', ')}`,
      `"${found}"`,
      didYouMean(found, allowed),
    );
  }
  return match;
}

function onlyKeys(config: Config, at: string, allowed: string[]): void {
  for (const key of config.keys()) {
    if (!allowed.includes(key)) {
      throw wrong(
        `${at}.${key}`,
        `one of the keys ${allowed.join(', ')}`,
        `"${key}"`,
        didYouMean(key, allowed),
      );
    }
  }
}

function wrong(
  at: string,
  expected: string,
  found: string,
  hint?: string,
): InputError {
  return new InputError(
    `Invalid configuration at ${at}: expected ${expected}, found ${found}${
      hint ? `. ${hint}` : ''
    }`,
  );
}
