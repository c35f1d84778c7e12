import { parseTarget } from '@slipway/backstage-plugin-delivery-common';
import { parseReference } from '@slipway/backstage-plugin-delivery-node';
import { StateFile } from './state';

/**
 * Service name to router URL, of one environment; of all its services when none
 * are named.
 */
export function peerAddresses(
  state: StateFile,
  environment: string,
  services: string[],
): Map<string, string> {
  const peers = new Map<string, string>();
  for (const [id, { port }] of Object.entries(state.targets)) {
    const target = parseTarget(id);
    if (
      target.environment === environment &&
      (services.length === 0 || services.includes(target.service))
    ) {
      const name = target.service.slice(target.service.lastIndexOf('/') + 1);
      peers.set(name, `http://127.0.0.1:${port}`);
    }
  }
  return peers;
}

/** Digests of the images that some generation needs. */
export function imagesInUse(state: StateFile): Set<string> {
  const used = new Set<string>();
  for (const { generations } of Object.values(state.targets)) {
    for (const { spec } of Object.values(generations)) {
      const { digest } = parseReference(spec.image.reference);
      if (digest) {
        used.add(digest);
      }
    }
  }
  return used;
}
