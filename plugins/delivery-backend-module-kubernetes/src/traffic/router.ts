import {
  TrafficRoute,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../client';

/**
 * What belongs to a target among the names of Services that a route can hold:
 * its main Services and their copies for each generation.
 */
export interface Backends {
  /** `undefined`: a Service that is none of the target's. */
  of(name: string): { main: string; generation?: string } | undefined;
  /** The copy of a main Service for a generation. */
  name(main: string, generation: string): string;
  /**
   * Generations that a main Service has a copy for. Those without a share are
   * kept in routes with weight 0: a data plane that has to get to know a
   * backend in the moment when it gets requests refuses the first of them.
   */
  generations(main: string): string[];
}

/** Whether the gateways have taken a route as it stands. */
export type RouteStatus =
  | { type: 'accepted' }
  /** Not yet: nobody said anything about what was written last. */
  | { type: 'pending'; detail: string }
  | { type: 'refused'; reason: string; detail: string };

/** One place in a route that divides requests among the target's Services. */
export interface RouteSplit {
  /** For people: `rules[0]`. */
  where: string;
  main: string;
  /** Weights of the main Service itself (`generation` absent) and of copies. */
  weights: Array<{ generation?: string; weight: number }>;
}

/**
 * One kind of router, as pure functions over the objects that configure it:
 * one file or room each. Reading and writing them, fences and order are the same for
 * all and done elsewhere.
 */
export interface Router {
  readonly id: string;
  /** The kinds of routes, the preferred version of each first. */
  readonly kinds: ReadonlyArray<{ apiVersion: string; kind: string }>;
  /** What it does beside shares. */
  readonly can: { headers: boolean; mirror: boolean };
  serves(object: { apiVersion: string; kind: string }): boolean;
  /** Names of all Services in the route's own namespace that it sends to. */
  backends(route: KubeObject): string[];
  /** The route without what traffic writes. */
  planPart(route: KubeObject): KubeObject;
  /**
   * For shares of nobody, all goes to the main Services themselves. Of
   * `routes` exactly these stand beside the shares afterwards.
   *
   * What traffic writes: `spec` (and annotations, for routers that are driven
   * by them) of an apply under its own field manager.
   */
  trafficPart(
    route: KubeObject,
    shares: TrafficShare[],
    routes: TrafficRoute[],
    backends: Backends,
  ): Pick<KubeObject, 'spec'> & { annotations?: Record<string, string> };
  /**
   * How the route divides requests, apart from what `trafficPart` has put
   * beside the shares; empty when none of them are the target's.
   */
  splits(route: KubeObject, backends: Backends): RouteSplit[];
  /** What the route really does beside the shares. */
  routes(route: KubeObject, backends: Backends): TrafficRoute[];
  status(route: KubeObject): RouteStatus;
  /** Where people reach the service: `http://shop.example`. */
  address(route: KubeObject): string | undefined;
}
