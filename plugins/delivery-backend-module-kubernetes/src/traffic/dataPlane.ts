import { TrafficState } from '@slipway/backstage-plugin-delivery-common';
import { LiveTraffic } from './live';

/**
 * What carries the requests, as far as it tells: what it counts, and whether it
 * has heard what was written. A router may do without.
 */
export interface DataPlane {
  measure(
    live: LiveTraffic,
    signal: AbortSignal,
  ): Promise<Pick<TrafficState, 'measured' | 'causes'>>;
  /**
   * Whether the data plane hears its controller: what the controller says that
   * it accepted is in force only where it was heard.
   */
  follows(signal: AbortSignal): Promise<boolean>;
  /** Whether the data plane knows ready endpoints of all these Services. */
  knows(
    namespace: string,
    services: string[],
    signal: AbortSignal,
  ): Promise<boolean>;
}
