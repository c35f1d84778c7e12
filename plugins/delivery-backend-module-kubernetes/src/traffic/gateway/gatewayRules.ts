import { TrafficShare } from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../../client';
import { Backends } from '../router';
import { Rule as RuleRoutes } from './ruleRoutes';
import { distribute } from '../weights';

/* How a rule of a Gateway API route divides requests among backends. */

/** Of a rule that sends to nothing but the target: percent as they are read. */
const WHOLE = 100;
/** The same where a share is no whole percent. */
const FINE = 100_000;
const MAX_WEIGHT = 1_000_000;

export interface BackendRef {
  group?: string;
  kind?: string;
  name: string;
  namespace?: string;
  port?: number;
  weight?: number;
  filters?: unknown[];
}

export interface Rule extends RuleRoutes {
  backendRefs?: BackendRef[];
}

export const weightOf = ({ weight = 1 }: BackendRef) => weight;

export function rulesOf(route: KubeObject): Rule[] {
  const { rules } = (route.spec ?? {}) as { rules?: Rule[] };
  return Array.isArray(rules) ? rules : [];
}

export function refsOf({ backendRefs }: Rule): BackendRef[] {
  return Array.isArray(backendRefs) ? backendRefs : [];
}

export function isLocalService(ref: BackendRef, route: KubeObject): boolean {
  return (
    (ref.group ?? '') === '' &&
    (ref.kind ?? 'Service') === 'Service' &&
    (ref.namespace === undefined || ref.namespace === route.metadata.namespace)
  );
}

/** The target's backends of a rule, by main Service. */
export function grouped(
  rule: Rule,
  route: KubeObject,
  backends: Backends,
): Map<string, BackendRef[]> {
  const groups = new Map<string, BackendRef[]>();
  for (const ref of refsOf(rule)) {
    const found = isLocalService(ref, route)
      ? backends.of(ref.name)
      : undefined;
    if (found) {
      groups.set(found.main, [...(groups.get(found.main) ?? []), ref]);
    }
  }
  return groups;
}

/**
 * Replaces the target's backends by one for each share. Backends of others
 * keep their proportion to ours; where the weights are too small to divide,
 * all of the rule are multiplied.
 */
export function withShares(
  rule: Rule,
  route: KubeObject,
  shares: TrafficShare[],
  backends: Backends,
): Rule {
  const groups = grouped(rule, route, backends);
  if (groups.size === 0) {
    return rule;
  }
  const refs = refsOf(rule);
  const ours = new Set([...groups.values()].flat());
  const whole = shares.every(({ percent }) => Number.isInteger(percent));
  const total = (group: BackendRef[]) =>
    group.reduce((sum, ref) => sum + weightOf(ref), 0);

  const alone = groups.size === 1 && ours.size === refs.length;
  const totals = [...groups.values()].map(total).filter(sum => sum > 0);
  const smallest = totals.length > 0 ? Math.min(...totals) : 1;
  const greatest = Math.max(1, ...refs.map(weightOf), ...totals);
  const factor =
    alone || smallest >= WHOLE
      ? 1
      : Math.min(
          Math.ceil(WHOLE / smallest),
          Math.floor(MAX_WEIGHT / greatest),
        );
  const written = new Set<string>();
  return {
    ...rule,
    backendRefs: refs.flatMap(ref => {
      if (!ours.has(ref)) {
        return [
          factor === 1 ? ref : { ...ref, weight: weightOf(ref) * factor },
        ];
      }
      const main = backends.of(ref.name)?.main ?? ref.name;
      if (written.has(main)) {
        return [];
      }
      written.add(main);
      const all = total(groups.get(main) ?? []) * factor;
      const ofAlone = whole ? WHOLE : FINE;
      const sum = alone ? ofAlone : all;
      const parts = distribute(shares, sum);
      const idle = backends
        .generations(main)
        .filter(name => parts.every(({ generation }) => generation !== name))
        .map(generation => ({ generation, weight: 0 }));
      return [
        ...(parts.length === 0 ? [{ ...ref, name: main, weight: sum }] : []),
        ...[...parts, ...idle].map(({ generation, weight }) => ({
          ...ref,
          name: backends.name(main, generation),
          weight,
        })),
      ];
    }),
  };
}
