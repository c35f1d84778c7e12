import { TrafficRoute } from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../../client';
import {
  grouped,
  refsOf,
  Rule,
  rulesOf,
  weightOf,
  withShares,
} from './gatewayRules';
import { ADDED_RULES_ANNOTATION } from '../../names';
import { readRoutes } from '../marks';
import { Backends } from '../router';
import {
  asksFor,
  HeaderRoute,
  headersOf,
  matchesWith,
  mirrored,
  mirrorFilter,
  mirrorOf,
  withFilters,
} from './ruleRoutes';
import { sameValue } from '../write';

/* What a Gateway API route does with requests beside its weights. */

/** Without those that were put in front of them for requests by their headers. */
export function planRules(route: KubeObject, backends: Backends): Rule[] {
  const added = new Set(addedRules(route, backends));
  return rulesOf(route).filter(rule => !added.has(rule));
}

/**
 * Rules that only traffic makes: they ask for the headers that were written,
 * and of the target's they send to the copies of that one generation. No rule
 * of a Plan names a copy, and none that was given shares names only one.
 */
function addedRules(route: KubeObject, backends: Backends): Rule[] {
  const written = headersOf(readRoutes(route));
  if (!written) {
    return [];
  }
  const { annotations = {} } = route.metadata;
  const count = Number(annotations[ADDED_RULES_ANNOTATION] ?? 0);
  return rulesOf(route).filter((rule, index) => {
    const refs = [...grouped(rule, route, backends).values()].flat();
    const isOurs =
      refs.length > 0
        ? refs.every(
            ({ name }) => backends.of(name)?.generation === written.generation,
          )
        : index < count;
    return isOurs && asksFor(rule, written.headers);
  });
}

/**
 * One for each rule that sends to the target and can match the headers. Beside
 * rules of others each of those gets one as well, that leads where it leads:
 * so among requests with the headers the same rule wins as without them.
 */
export function headerRules(
  rules: Rule[],
  route: KubeObject,
  { generation, headers }: HeaderRoute,
  backends: Backends,
): Rule[] {
  return rules.flatMap(rule => {
    const { name: _, ...rest } = rule;
    const matches = matchesWith(rule, route.kind, headers);
    if (matches.length === 0) {
      return [];
    }
    if (grouped(rule, route, backends).size === 0) {
      return [{ ...rest, matches }];
    }
    const whole = withShares(
      rest,
      route,
      [{ generation, percent: 100 }],
      backends,
    );
    return [
      withFilters(
        {
          ...whole,
          matches,
          backendRefs: refsOf(whole).filter(
            ref => weightOf(ref) > 0 || !backends.of(ref.name),
          ),
        },
        foreignFilters(rule, backends),
      ),
    ];
  });
}

/** All but copies to one of the target's generations. */
function foreignFilters({ filters = [] }: Rule, backends: Backends) {
  return filters.filter(
    filter => !backends.of(mirrored(filter)?.service ?? '')?.generation,
  );
}

export function withMirror(
  rule: Rule,
  route: KubeObject,
  routes: TrafficRoute[],
  backends: Backends,
): Rule {
  const mirror = mirrorOf(routes);
  const groups = grouped(rule, route, backends);
  if (groups.size === 0) {
    return rule;
  }
  return withFilters(rule, [
    ...foreignFilters(rule, backends),
    ...(mirror
      ? [...groups].map(([main, [{ port }]]) =>
          mirrorFilter(
            backends.name(main, mirror.generation),
            port,
            mirror.percent,
          ),
        )
      : []),
  ]);
}

/** What was written and stands there whole, and whatever is copied anywhere. */
export function routesInForce(
  route: KubeObject,
  backends: Backends,
): TrafficRoute[] {
  const written = headersOf(readRoutes(route));
  const rules = planRules(route, backends);
  const added = addedRules(route, backends);
  const isWhole =
    written &&
    added.length > 0 &&
    sameValue(added, headerRules(rules, route, written, backends));
  const copies = rules
    .flatMap(({ filters = [] }) => filters)
    .flatMap((filter): TrafficRoute[] => {
      const found = mirrored(filter);
      const generation = found && backends.of(found.service)?.generation;
      return generation
        ? [{ type: 'mirror', generation, percent: found.percent }]
        : [];
    });
  return [...(isWhole ? [written] : []), ...copies.slice(0, 1)];
}
