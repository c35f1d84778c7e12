import { InputError } from '@backstage/errors';
import { KubeObject } from '../../client';
import { ADDED_RULES_ANNOTATION } from '../../names';
import {
  headerRules,
  planRules,
  routesInForce,
  withMirror,
} from './gatewayRoutes';
import {
  grouped,
  isLocalService,
  refsOf,
  Rule,
  rulesOf,
  weightOf,
  withShares,
} from './gatewayRules';
import { Router, RouteSplit, RouteStatus } from '../router';
import { headersOf } from './ruleRoutes';

/*
 * Gateway API (https://gateway-api.sigs.k8s.io/reference/spec/): HTTPRoute and
 * GRPCRoute, which divide in the same way. `spec.rules` is an atomic list for
 * server-side apply, so its writer owns all of it: whatever else stands in a
 * rule is written back as it was read.
 */

const GROUP = 'gateway.networking.k8s.io';
const KINDS = ['HTTPRoute', 'GRPCRoute'];
const MOST_RULES = 16;
interface ParentRef {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  observedGeneration?: number;
}

interface ParentStatus {
  parentRef: ParentRef;
  controllerName?: string;
  conditions?: Condition[];
}

export const gatewayApi: Router = {
  id: 'gateway-api',
  kinds: KINDS.map(kind => ({ apiVersion: `${GROUP}/v1`, kind })),
  can: { headers: true, mirror: true },
  serves: ({ apiVersion, kind }) =>
    apiVersion.startsWith(`${GROUP}/`) && KINDS.includes(kind),
  backends: route =>
    rulesOf(route)
      .flatMap(refsOf)
      .filter(ref => isLocalService(ref, route))
      .map(({ name }) => name),
  planPart(route) {
    const { rules, ...spec } = specOf(route);
    return { ...route, spec };
  },
  trafficPart(route, shares, routes, backends) {
    const rules = planRules(route, backends).map(rule =>
      withMirror(
        withShares(rule, route, shares, backends),
        route,
        routes,
        backends,
      ),
    );
    const headers = headersOf(routes);
    const added = headers ? headerRules(rules, route, headers, backends) : [];
    if (added.length > 0 && added.length + rules.length > MOST_RULES) {
      throw new InputError(
        `${route.kind} ${route.metadata.name} has ${rules.length} rules, and requests by their headers need ${added.length} more; the Gateway API allows ${MOST_RULES} in all. Divide the route in two, or leave the step route out`,
      );
    }
    return {
      spec: { rules: [...added, ...rules] },
      ...(added.length > 0 && {
        annotations: { [ADDED_RULES_ANNOTATION]: String(added.length) },
      }),
    };
  },
  routes: routesInForce,
  splits: (route, backends) =>
    planRules(route, backends).flatMap((rule, index) =>
      [...grouped(rule, route, backends)].map(
        ([main, refs]): RouteSplit => ({
          where: `rules[${index}]`,
          main,
          weights: refs.map(ref => ({
            generation: backends.of(ref.name)?.generation,
            weight: weightOf(ref),
          })),
        }),
      ),
    ),
  status: statusOf,
  address(route) {
    const { hostnames = [], parentRefs = [] } = specOf(route);
    const hostname = hostnames.find(name => !name.startsWith('*'));
    const tls = parentRefs.some(
      ({ port, sectionName }) =>
        port === 443 || sectionName?.startsWith('https'),
    );
    return hostname && `${tls ? 'https' : 'http'}://${hostname}`;
  },
};

function specOf(route: KubeObject) {
  return (route.spec ?? {}) as {
    rules?: Rule[];
    hostnames?: string[];
    parentRefs?: ParentRef[];
  };
}

/**
 * Every parent has to say of this generation of the object that it accepts it
 * and found what it refers to. Several controllers may answer for one parent;
 * one that takes it is enough.
 */
function statusOf(route: KubeObject): RouteStatus {
  const { parentRefs = [] } = specOf(route);
  const { parents = [] } = (route.status ?? {}) as {
    parents?: ParentStatus[];
  };
  if (parentRefs.length === 0) {
    return {
      type: 'pending',
      detail: `${route.kind} ${route.metadata.name} is attached to no gateway: it has no parentRefs`,
    };
  }
  const states = parentRefs.map(parent => parentState(route, parent, parents));
  return (
    states.find(({ type }) => type === 'refused') ??
    states.find(({ type }) => type === 'pending') ?? { type: 'accepted' }
  );
}

function parentState(
  route: KubeObject,
  parent: ParentRef,
  parents: ParentStatus[],
): RouteStatus {
  const { generation = 0 } = route.metadata;
  const id = idOf(parent, route);
  const subject = `${route.kind} ${route.metadata.name}`;
  const states = parents
    .filter(({ parentRef }) => idOf(parentRef, route) === id)
    .map(({ conditions = [], controllerName }): RouteStatus => {
      const current = conditions.filter(
        ({ observedGeneration = 0 }) => observedGeneration >= generation,
      );
      const needed = ['Accepted', 'ResolvedRefs'].map(type => ({
        type,
        condition: current.find(condition => condition.type === type),
      }));
      const refused = needed.find(
        ({ condition }) => condition?.status === 'False',
      );
      if (refused?.condition) {
        const { reason = 'unknown', message = '' } = refused.condition;
        return {
          type: 'refused',
          reason,
          detail: `${id} says of ${subject}: ${refused.type} is False, ${reason}: ${message}`,
        };
      }
      return needed.every(({ condition }) => condition?.status === 'True')
        ? { type: 'accepted' }
        : {
            type: 'pending',
            detail: `${
              controllerName ?? id
            } has not yet said whether it takes ${subject} as it was last written (generation ${generation})`,
          };
    });
  return (
    states.find(({ type }) => type === 'accepted') ??
    states.find(({ type }) => type === 'refused') ??
    states[0] ?? {
      type: 'pending',
      detail: `no controller has said anything about ${subject} at ${id}: is there such a gateway, and does its controller run?`,
    }
  );
}

/** `Gateway gateway/slipway`, with section and port where they are named. */
function idOf(
  { kind = 'Gateway', namespace, name, sectionName, port }: ParentRef,
  route: KubeObject,
): string {
  const place = `${namespace ?? route.metadata.namespace}/${name}`;
  return [
    `${kind} ${place}`,
    sectionName && `section ${sectionName}`,
    port && `port ${port}`,
  ]
    .filter(Boolean)
    .join(' ');
}
