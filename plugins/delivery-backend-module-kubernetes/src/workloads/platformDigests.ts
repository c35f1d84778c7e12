import {
  createRegistryClient,
  parseManifest,
  parseReference,
  RegistryAccess,
} from '@slipway/backstage-plugin-delivery-node';
import { PlatformDigests } from './digests';

/** Asks the registry that releases are pushed to. Images of others: not known. */
export function createPlatformDigests(
  registry: RegistryAccess,
): PlatformDigests {
  const client = createRegistryClient(registry);
  return async (text, signal) => {
    const { host, repository, digest } = parseReference(text);
    if (host !== registry.host || !digest) {
      return undefined;
    }
    const found = await client.getManifest(repository, digest, signal);
    const manifest = found && parseManifest(found.bytes, text);
    if (!manifest) {
      return undefined;
    }
    return 'manifests' in manifest
      ? manifest.manifests.map(descriptor => descriptor.digest)
      : [];
  };
}
