import {
  Observed,
  TargetRef,
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
    headers: boolean;
    mirror: boolean;
  };
  request(
    target: TargetRef,
    fence: Fence,
    shares: TrafficShare[],
    signal: AbortSignal,
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
