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
}
