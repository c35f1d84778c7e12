import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';
import {
  DEFAULT_POLICY,
  MANIFEST_RULES,
  ManifestPolicy,
  ManifestRule,
} from './policy';

const KEY = 'delivery.kubernetes.policy';
const VALUES = ['allow', 'warn', 'block'] as const;

/**
 * `delivery.kubernetes.policy`: what manifests may ask for. What it does not
 * name is blocked.
 *
 * Errors: `InputError` naming the key, what was expected and what was found.
 */
export function readPolicy(config: Config): ManifestPolicy {
  const given = config.getOptionalConfig(KEY);
  const policy = { ...DEFAULT_POLICY };
  for (const key of given?.keys() ?? []) {
    const rule = MANIFEST_RULES.find(
      (known): known is ManifestRule => known === key,
    );
    if (!rule) {
      throw new InputError(
        `${KEY}.${key} is no rule; there are ${MANIFEST_RULES.join(', ')}`,
      );
    }
    const found = given?.getString(rule);
    const value = VALUES.find(known => known === found);
    if (!value) {
      throw new InputError(
        `${KEY}.${rule}: expected ${VALUES.join(', ')}, found "${found}"`,
      );
    }
    policy[rule] = value;
  }
  return policy;
}
