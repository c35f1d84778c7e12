import { TrafficShare } from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../client';
import { Backends, Router, RouteSplit, RouteStatus } from './router';
import { distribute } from './weights';

/*
 * Gateway API (https://gateway-api.sigs.k8s.io/reference/spec/): HTTPRoute and
 * GRPCRoute, which divide in the same way. `spec.rules` is an atomic list for
 * server-side apply, so its writer owns all of it: whatever else stands in a
 * rule is written back as it was read.
 */

const GROUP = 'gateway.networking.k8s.io';
const KINDS = ['HTTPRoute', 'GRPCRoute'];
/** Of a rule that sends to nothing but the target: percent as they are read. */
const WHOLE = 100;
/** The same where a share is no whole percent. */
const FINE = 100_000;
const MAX_WEIGHT = 1_000_000;

interface BackendRef {
  group?: string;
  kind?: string;
  name: string;
  namespace?: string;
  port?: number;
  weight?: number;
  filters?: unknown[];
}

interface Rule {
  backendRefs?: BackendRef[];
  [field: string]: unknown;
}

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

const weightOf = ({ weight = 1 }: BackendRef) => weight;

export const gatewayApi: Router = {
  id: 'gateway-api',
  kinds: KINDS.map(kind => ({ apiVersion: `${GROUP}/v1`, kind })),
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
  trafficPart: (route, shares, backends) => ({
    spec: {
      rules: rulesOf(route).map(rule =>
        withShares(rule, route, shares, backends),
      ),
    },
  }),
  splits: (route, backends) =>
    rulesOf(route).flatMap((rule, index) =>
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

function rulesOf(route: KubeObject): Rule[] {
  const { rules } = specOf(route);
  return Array.isArray(rules) ? rules : [];
}

function refsOf({ backendRefs }: Rule): BackendRef[] {
  return Array.isArray(backendRefs) ? backendRefs : [];
}

function isLocalService(ref: BackendRef, route: KubeObject): boolean {
  return (
    (ref.group ?? '') === '' &&
    (ref.kind ?? 'Service') === 'Service' &&
    (ref.namespace === undefined || ref.namespace === route.metadata.namespace)
  );
}

/** The target's backends of a rule, by main Service. */
function grouped(
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
function withShares(
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
