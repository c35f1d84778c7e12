import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { parseManifest } from './manifest';
import { RegistryHttp } from './registryHttp';
import { sendManifest } from './registryManifests';
import { recordInFallbackTag, referrerDescriptor } from './registryReferrers';

export async function putManifest(
  http: RegistryHttp,
  repository: string,
  reference: string,
  bytes: Buffer,
  mediaType: string,
  signal?: AbortSignal,
): Promise<Digest> {
  const { digest, subject } = await sendManifest(
    http,
    repository,
    reference,
    bytes,
    mediaType,
    signal,
  );
  const manifest = parseManifest(bytes, `Manifest ${digest}`);
  if (manifest.subject && subject !== manifest.subject.digest) {
    await recordInFallbackTag(
      http,
      repository,
      manifest.subject.digest,
      referrerDescriptor(manifest, bytes, digest, mediaType),
      signal,
    );
  }
  return digest;
}
