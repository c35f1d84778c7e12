import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { ClusterAccess } from '../clusterAccess';
import { KubeApiError, KubeClient, KubeObject } from '../client';
import {
  GENERATION_LABEL,
  generationName,
  ROLE_LABEL,
  ROUTES_ANNOTATION,
  SERVICE_ANNOTATION,
  TARGET_LABEL,
  targetLabel,
  TRACK_ANNOTATION,
} from '../names';
import { Adopted, adoptedOf } from './adopted';
import { Endpoints, readEndpoints } from './endpoints';
import { readJson, readRoutes, readShares } from './marks';
import { Backends, Router } from './router';

/** A route of a target with the router that understands it. */
export interface LiveRoute {
  object: KubeObject;
  router: Router;
}

/** What there is of a target's traffic in the cluster. */
export interface LiveTraffic {
  namespace: string;
  services: KubeObject[];
  routes: LiveRoute[];
  /** Deployments of the target's generations. */
  workloads: KubeObject[];
  /** `HTTPRoute/checkout`: in force once, and not there any more. */
  missingRoutes: string[];
  backends: Backends;
  /** Addresses of the ready endpoints of each Service. */
  endpoints: Endpoints;
  /** How many a Service has. */
  ready(service: string): number;
  /** Ready endpoints of a generation behind the main Service that has fewest. */
  readyOf(generation: string): number;
  /** The generation that is stable, as the workloads are marked. */
  stable?: string;
  /**
   * Kubernetes replaces the pods by itself: there is one Deployment, whose
   * selector takes pods of every generation.
   */
  inPlace: boolean;
  /** What was there before us, while it runs; see `adopted.ts`. */
  adopted?: Adopted;
}

/**
 * Where it is read from: the API, for whoever decides or writes, or what the
 * watch has, for whoever shows.
 */
export interface LiveReader {
  namespaceOf: ClusterAccess['namespaceOf'];
  client: Pick<KubeClient, 'list' | 'resource'>;
}

export async function readLive(
  cluster: LiveReader,
  routers: Router[],
  target: TargetRef,
  signal: AbortSignal,
): Promise<LiveTraffic> {
  const { client } = cluster;
  const namespace = await cluster.namespaceOf(target);
  const labelSelector = `${TARGET_LABEL}=${targetLabel(target)}`;
  const list = async (apiVersion: string, kind: string) => {
    const { items } = await client.list(
      { apiVersion, kind },
      { namespace, labelSelector },
      signal,
    );
    return items;
  };
  const [services, workloads, endpoints, ...found] = await Promise.all([
    list('v1', 'Service'),
    list('apps/v1', 'Deployment'),
    readEndpoints(cluster, namespace, target, signal),
    ...routers.flatMap(router =>
      router.kinds.map(async kind =>
        (
          await listServed(client, kind, { namespace, labelSelector }, signal)
        ).map(object => ({ object, router })),
      ),
    ),
  ]);
  const routes = found.flat();
  return liveTraffic({ namespace, services, workloads, endpoints, routes });
}

/** Sorts a target's objects, wherever they were read, by what they are to its traffic. */
export function liveTraffic(found: {
  namespace: string;
  /** Main ones and copies. */
  services: KubeObject[];
  workloads: KubeObject[];
  endpoints: Endpoints;
  routes: LiveRoute[];
}): LiveTraffic {
  const { namespace, endpoints, routes } = found;
  const role = ({ metadata }: KubeObject) => metadata.labels?.[ROLE_LABEL];
  const all = found.services.filter(isThere);
  const services = all.filter(object => role(object) === 'main-service');
  const copies = all.filter(object => role(object) === 'generation-service');
  const generations = found.workloads.filter(
    object =>
      isThere(object) && role(object) === 'workload' && generationOf(object),
  );

  const ready = (service: string) => endpoints.get(service)?.size ?? 0;
  const mains = services.map(({ metadata }) => metadata.name);
  return {
    namespace,
    services,
    routes,
    workloads: generations,
    missingRoutes: missing(services, routes),
    backends: backendsOf(mains, copies, [
      ...routes.flatMap(({ object }) => namesIn(object)),
      ...services.flatMap(namesIn),
    ]),
    endpoints,
    ready,
    readyOf: generation =>
      Math.min(...mains.map(main => ready(generationName(main, generation)))),
    stable: generations
      .filter(
        ({ metadata }) => metadata.annotations?.[TRACK_ANNOTATION] === 'stable',
      )
      .map(generationOf)[0],
    inPlace: generations.length === 1 && generations.every(isInPlace),
    adopted: adoptedOf(found.workloads.filter(isThere)),
  };
}

function isThere({ metadata }: KubeObject): boolean {
  return !metadata.deletionTimestamp;
}

/** A kind that the cluster does not know has no objects there. */
async function listServed(
  client: LiveReader['client'],
  kind: { apiVersion: string; kind: string },
  options: { namespace: string; labelSelector: string },
  signal: AbortSignal,
): Promise<KubeObject[]> {
  if (!(await client.resource(kind.apiVersion, kind.kind, signal))) {
    return [];
  }
  try {
    return (await client.list(kind, options, signal)).items;
  } catch (error) {
    if (error instanceof KubeApiError && error.status === 404) {
      return [];
    }
    throw error;
  }
}

function generationOf({ metadata }: KubeObject): string | undefined {
  return metadata.labels?.[GENERATION_LABEL];
}

function isInPlace(deployment: KubeObject): boolean {
  const { selector } = (deployment.spec ?? {}) as {
    selector?: { matchLabels?: Record<string, string> };
  };
  return selector?.matchLabels?.[GENERATION_LABEL] === undefined;
}

function namesIn(object: KubeObject): string[] {
  return [...(readShares(object) ?? []), ...readRoutes(object)].map(
    ({ generation }) => generation,
  );
}

function backendsOf(
  mains: string[],
  copies: KubeObject[],
  remembered: string[],
): Backends {
  const known = new Map<string, { main: string; generation?: string }>();
  // What a route names may be gone already.
  for (const main of mains) {
    for (const generation of remembered) {
      known.set(generationName(main, generation), { main, generation });
    }
  }
  for (const copy of copies) {
    const main = copy.metadata.annotations?.[SERVICE_ANNOTATION];
    const generation = generationOf(copy);
    if (main && generation) {
      known.set(copy.metadata.name, { main, generation });
    }
  }
  for (const main of mains) {
    known.set(main, { main });
  }
  const generations = new Map<string, string[]>();
  for (const copy of copies) {
    const found = known.get(copy.metadata.name);
    if (found?.generation) {
      const others = generations.get(found.main) ?? [];
      generations.set(found.main, [...others, found.generation]);
    }
  }
  return {
    of: name => known.get(name),
    name: generationName,
    generations: main => generations.get(main) ?? [],
  };
}

/** `HTTPRoute/checkout` */
export function routeId({ kind, metadata }: KubeObject): string {
  return `${kind}/${metadata.name}`;
}

function missing(services: KubeObject[], routes: LiveRoute[]): string[] {
  const there = new Set(routes.map(({ object }) => routeId(object)));
  const named = services.flatMap(
    service => (readJson(service, ROUTES_ANNOTATION) ?? []) as string[],
  );
  return [...new Set(named)].filter(id => !there.has(id));
}
