import { PlanReference } from '@slipway/backstage-plugin-delivery-node';
import { RunSpec } from '../locald';

/**
 * The secrets that a service is started with. Their values lie in a file of
 * the environment that only holds the newest: they are read at each start and
 * never come back with a Plan. Which ones they were is told by their version,
 * where it is known.
 */
export function secretReferences(
  spec: Pick<RunSpec, 'env'>,
  versions: Record<string, string> = {},
): PlanReference[] {
  const known = new Map(Object.entries(versions));
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
    ...(known.has(name) && { version: known.get(name) }),
    detail: `${used.size === 1 ? 'key' : 'keys'} ${[...used].join(', ')}`,
  }));
}
