import { PlanReference } from '@slipway/backstage-plugin-delivery-node';
import { RunSpec } from '../locald';

/**
 * The secrets that a service is started with. Their values lie in a file of
 * the environment that has no versions: they are read at each start and never
 * come back with a Plan.
 */
export function secretReferences(spec: Pick<RunSpec, 'env'>): PlanReference[] {
  const keys = new Map<string, Set<string>>();
  for (const { secret } of spec.env) {
    if (secret) {
      keys.set(
        secret.name,
        (keys.get(secret.name) ?? new Set()).add(secret.key),
      );
    }
  }
  return [...keys].map(([name, used]) => ({
    kind: 'Secret',
    name,
    restorable: false,
    detail: `${used.size === 1 ? 'key' : 'keys'} ${[...used].join(', ')}`,
  }));
}
