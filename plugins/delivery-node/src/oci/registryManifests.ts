import { NotFoundError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { DigestMismatchError, digestOf, isDigest, verifyBytes } from './digest';
import { MANIFEST_MAX_BYTES, OCI_MEDIA_TYPES } from './manifest';
import { mediaTypeOf, pullScope, pushScope, readBody } from './registryAnswers';
import { RegistryHttp } from './registryHttp';
import { manifestUrl } from './registryUrls';

const MANIFEST_ACCEPT = [
  OCI_MEDIA_TYPES.index,
  OCI_MEDIA_TYPES.manifest,
  OCI_MEDIA_TYPES.dockerIndex,
  OCI_MEDIA_TYPES.dockerManifest,
].join(', ');

/** @public */
export interface FetchedManifest {
  bytes: Buffer;
  digest: Digest;
  mediaType: string;
}

export async function headManifest(
  http: RegistryHttp,
  repository: string,
  reference: string,
  signal?: AbortSignal,
): Promise<{ digest: Digest; mediaType: string } | undefined> {
  const response = await http.send({
    method: 'HEAD',
    url: manifestUrl(http, repository, reference),
    scope: pullScope(repository),
    headers: { accept: MANIFEST_ACCEPT },
    accept: [200, 404],
    signal,
  });
  if (response.status === 404) {
    return undefined;
  }
  const digest = response.headers.get('docker-content-digest');
  if (!digest) {
    // The header is optional: the bytes themselves tell.
    const manifest = await getManifest(http, repository, reference, signal);
    return (
      manifest && { digest: manifest.digest, mediaType: manifest.mediaType }
    );
  }
  if (!isDigest(digest) || (isDigest(reference) && digest !== reference)) {
    throw new DigestMismatchError(
      `Registry ${
        http.access.host
      } says that ${repository}@${reference} has the digest "${digest.slice(
        0,
        160,
      )}"`,
    );
  }
  return { digest, mediaType: mediaTypeOf(response) };
}

export async function getManifest(
  http: RegistryHttp,
  repository: string,
  reference: string,
  signal?: AbortSignal,
): Promise<FetchedManifest | undefined> {
  const response = await http.send({
    method: 'GET',
    url: manifestUrl(http, repository, reference),
    scope: pullScope(repository),
    headers: { accept: MANIFEST_ACCEPT },
    accept: [200, 404],
    signal,
  });
  if (response.status === 404) {
    await response.body?.cancel();
    return undefined;
  }
  const where = `Registry ${http.access.host}, ${repository}@${reference},`;
  const bytes = await readBody(response, MANIFEST_MAX_BYTES, where);
  const claimed = response.headers.get('docker-content-digest') ?? undefined;
  if (claimed !== undefined && !isDigest(claimed)) {
    throw new DigestMismatchError(
      `${where} names the impossible digest "${claimed.slice(0, 160)}"`,
    );
  }
  const asked = isDigest(reference) ? reference : undefined;
  const digest = asked ?? claimed ?? digestOf(bytes);
  verifyBytes(bytes, { digest }, where);
  if (claimed && asked && claimed !== asked) {
    verifyBytes(bytes, { digest: claimed }, where);
  }
  return { bytes, digest, mediaType: mediaTypeOf(response) };
}

/**
 * Puts exactly these bytes and checks what the registry says about them. The
 * subject of the answer is the one whose referrers the registry keeps itself.
 */
export async function sendManifest(
  http: RegistryHttp,
  repository: string,
  reference: string,
  bytes: Buffer,
  mediaType: string,
  signal?: AbortSignal,
): Promise<{ digest: Digest; subject: string | undefined }> {
  const digest = isDigest(reference) ? reference : digestOf(bytes);
  verifyBytes(bytes, { digest }, 'The manifest to push');
  const response = await http.send({
    method: 'PUT',
    url: manifestUrl(http, repository, reference),
    scope: pushScope(repository),
    headers: { 'content-type': mediaType },
    body: bytes,
    accept: [201],
    signal,
  });
  await response.body?.cancel();
  const claimed = response.headers.get('docker-content-digest');
  if (claimed && claimed !== digest) {
    throw new DigestMismatchError(
      `Registry ${
        http.access.host
      } took the manifest ${digest} of ${repository} as "${claimed.slice(
        0,
        160,
      )}"`,
    );
  }
  const subject = response.headers.get('oci-subject') ?? undefined;
  return { digest, subject };
}

/** As {@link getManifest}. Errors: `NotFoundError`. */
export async function requireManifest(
  http: RegistryHttp,
  repository: string,
  reference: string,
  signal?: AbortSignal,
): Promise<FetchedManifest> {
  const found = await getManifest(http, repository, reference, signal);
  if (!found) {
    throw new NotFoundError(
      `Registry ${http.access.host} has no image ${repository}@${reference}`,
    );
  }
  return found;
}
