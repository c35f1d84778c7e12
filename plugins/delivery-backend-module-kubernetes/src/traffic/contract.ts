import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { Fence, TrafficRouter } from '@slipway/backstage-plugin-delivery-node';
import { KubeObject } from '../client';

/*
 * What the rooms `apply` and `workloads` need to know of traffic.
 *
 * `workloads`: beside each generation it keeps the Services that
 * `generationService` makes of the Plan's main Services: created before the
 * generation's Deployment, removed after it. In-place generations get theirs
 * as well: their pods carry the generation's label.
 *
 * `apply`, for what `splitTrafficObjects` says is traffic's, in this order:
 *   1. applies `planPart(service)` of the main Services as `slipway`
 *   2. `await traffic.bind(...)`: writes selectors, creates and changes the
 *      rules of routes, as `slipway-traffic`
 *   3. applies `planPart(route)` of the routes as `slipway`; a new route is
 *      attached to its gateways only by this, and so serves nothing before
 * In phase `before` all three are done until they have been done once for the
 * target (nothing is replaced by that), else in phase `promote`.
 * What a Plan does not name any more is deleted by `prune` as anything else.
 *
 * `workloads` calls `traffic.release(...)` before it removes a generation.
 *
 * Never applied as `slipway`: `spec.selector` of main Services, `spec.rules` of
 * routes, and the annotations `traffic-epoch`, `traffic-revision`, `selector`,
 * `routes` and `shares`.
 */

/** The part of a Plan's objects that traffic has fields in. */
export interface TrafficObjects {
  /** Those that select the workload's pods. */
  services: KubeObject[];
  /** Those whose backends name one of the services. */
  routes: KubeObject[];
}

export interface BindOptions {
  /** A person said that fields of others are to be ours from now on. */
  takeOver?: boolean;
}

/** Traffic of one cluster. */
export interface ClusterTraffic extends TrafficRouter {
  /**
   * Writes traffic's fields of a Plan's objects for the shares that are in
   * force: a Service's selector, a route's rules. An object that nobody has
   * asked shares for yet selects nothing; one that served before us keeps what
   * it has, until shares are asked for.
   *
   * Errors: `StaleEpochError`; `KubeApiError` with status 409 when the fields
   * belong to others and `takeOver` is not set; `InputError` for a route that
   * cannot be weighted.
   */
  bind(
    target: TargetRef,
    fence: Fence,
    objects: TrafficObjects,
    options: BindOptions,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Takes a generation without a share out of the routes: called before its
   * Services are deleted, as a route that names what is not there is refused.
   *
   * Errors: `StaleEpochError`; `ConflictError` while it still has a share.
   */
  release(
    target: TargetRef,
    fence: Fence,
    generation: string,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Turns the main Services back to what was there before us, once nothing of
   * ours runs any more; nothing where nothing was, or something still runs.
   *
   * Errors: `StaleEpochError`.
   */
  giveWay(target: TargetRef, fence: Fence, signal: AbortSignal): Promise<void>;
  /**
   * Turns a target that runs in place back to its main Services, as if there
   * were no generations. `false`: it has to be called again.
   *
   * Errors: `StaleEpochError`; `ConflictError` while several Deployments run.
   */
  letGo(target: TargetRef, fence: Fence, signal: AbortSignal): Promise<boolean>;
}
