import {
  TargetRef,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { ClusterAccess } from '../clusterAccess';
import { KubeObject } from '../client';
import { GENERATION_LABEL, TARGET_LABEL, targetLabel } from '../names';
import { LiveTraffic } from './live';

/** Addresses of ready endpoints, by Service. */
export type Endpoints = Map<string, Set<string>>;

/** Ready endpoints of all Services of a target; slices bear the Service's labels. */
export async function readEndpoints(
  { client }: ClusterAccess,
  namespace: string,
  target: TargetRef,
  signal: AbortSignal,
): Promise<Endpoints> {
  const { items } = await client.list(
    { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    { namespace, labelSelector: `${TARGET_LABEL}=${targetLabel(target)}` },
    signal,
  );
  const ready: Endpoints = new Map();
  for (const slice of items) {
    const service = slice.metadata.labels?.['kubernetes.io/service-name'];
    if (service) {
      const known = ready.get(service) ?? new Set();
      ready.set(service, known);
      readyAddresses(slice).forEach(address => known.add(address));
    }
  }
  return ready;
}

function readyAddresses(slice: KubeObject): string[] {
  const { endpoints } = slice as KubeObject & {
    endpoints?: Array<{
      addresses: string[];
      conditions?: { ready?: boolean };
    }> | null;
  };
  return (
    (endpoints ?? [])
      // Absent means ready, says the API.
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ addresses }) => addresses.slice(0, 1))
  );
}

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
