import { TrafficShare } from '@slipway/backstage-plugin-delivery-common';
import { GENERATION_LABEL } from '../names';
import { Endpoints } from './endpoints';
import { LiveTraffic } from './live';

/**
 * Whether the endpoints of the main Services are already those that their
 * selectors, as they were written, take: something where something is ready,
 * and nothing of anybody else.
 */
export function followSelectors(
  live: Pick<LiveTraffic, 'services' | 'backends'>,
  selectors: Array<Record<string, string>>,
  endpoints: Endpoints,
  shares: TrafficShare[],
): boolean {
  return live.services.every(({ metadata: { name: main } }, index) => {
    const only = selectors[index][GENERATION_LABEL];
    const actual = endpoints.get(main) ?? new Set();
    const wanted = (only ? [only] : shares.map(share => share.generation))
      .map(generation => endpoints.get(live.backends.name(main, generation)))
      .flatMap(found => [...(found ?? [])]);
    return only
      ? (actual.size > 0 || wanted.length === 0) &&
          [...actual].every(address => wanted.includes(address))
      : actual.size > 0 || wanted.length === 0;
  });
}
