import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import { KubeClient, KubeObject } from '../client';
import { TARGET_LABEL, targetLabel } from '../names';

/** Addresses of ready endpoints, by Service. */
export type Endpoints = Map<string, Set<string>>;

/** Ready endpoints of all Services of a target; slices bear the Service's labels. */
export async function readEndpoints(
  { client }: { client: Pick<KubeClient, 'list'> },
  namespace: string,
  target: TargetRef,
  signal: AbortSignal,
): Promise<Endpoints> {
  const { items } = await client.list(
    { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    { namespace, labelSelector: `${TARGET_LABEL}=${targetLabel(target)}` },
    signal,
  );
  return readyEndpoints(items);
}

/** Ready endpoints of the Services that these EndpointSlices belong to. */
export function readyEndpoints(slices: KubeObject[]): Endpoints {
  const ready: Endpoints = new Map();
  for (const slice of slices) {
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
