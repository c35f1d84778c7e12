import {
  Observed,
  TargetRef,
  TrafficRoute,
  TrafficShare,
  TrafficState,
} from '@slipway/backstage-plugin-delivery-common';
import { Fence, Fencing } from './fence';

/** @public */
export interface TrafficRouter {
  readonly fencing: Fencing;
  capabilities(): {
    weights: boolean;
    measures: boolean;
    /** Sends requests by their headers. */
    headers: boolean;
    /** Copies requests. */
    mirror: boolean;
    /** Copies a share of the requests, and not only all of them. Default: as `mirror`. */
    mirrorShares?: boolean;
  };
  /**
   * Asks for the shares and, beside them, for exactly these routes: none when
   * they are left out. A generation with nothing ready gets neither. What ends
   * of the routes ends no later than the shares change.
   *
   * Errors: `InputError` for a route that the router cannot do.
   */
  request(
    target: TargetRef,
    fence: Fence,
    shares: TrafficShare[],
    signal: AbortSignal,
    routes?: TrafficRoute[],
  ): Promise<void>;
  observe(
    target: TargetRef,
    signal: AbortSignal,
  ): Promise<Observed<TrafficState>>;
  /**
   * The same for people who look, from what is watched anyway: it asks the
   * environment nothing, and may be behind by a moment. Nothing is decided by
   * it. Absent: `observe` is asked, for all viewers together.
   */
  glance?(
    target: TargetRef,
    signal: AbortSignal,
  ): Promise<Observed<TrafficState>>;
}
