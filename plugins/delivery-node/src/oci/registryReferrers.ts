import { setTimeout as delay } from 'node:timers/promises';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { parseDigest } from './digest';
import {
  MANIFEST_MAX_BYTES,
  OCI_MEDIA_TYPES,
  OciDescriptor,
  OciIndex,
  OciManifest,
  parseManifest,
} from './manifest';
import { nextPage, pullScope, readBody } from './registryAnswers';
import { RegistryHttp } from './registryHttp';
import { getManifest, sendManifest } from './registryManifests';
import { repositoryUrl } from './registryUrls';

const MAX_PAGES = 100;
const FALLBACK_ATTEMPTS = 5;

/** The tag under which registries without a referrers API keep the list. */
function fallbackTag(subject: Digest): string {
  const { algorithm, hex } = parseDigest(subject);
  return `${algorithm}-${hex}`.slice(0, 128);
}

async function readFallback(
  http: RegistryHttp,
  repository: string,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<OciDescriptor[]> {
  const found = await getManifest(
    http,
    repository,
    fallbackTag(subject),
    signal,
  );
  if (!found) {
    return [];
  }
  const index = parseManifest(found.bytes, `Referrers of ${subject}`);
  return index.kind === 'index' ? index.manifests : [];
}

/** */
export async function listReferrers(
  http: RegistryHttp,
  repository: string,
  digest: Digest,
  options: { artifactType?: string; signal?: AbortSignal },
): Promise<OciDescriptor[]> {
  parseDigest(digest);
  const { artifactType, signal } = options;
  const matches = (descriptor: OciDescriptor) =>
    !artifactType || descriptor.artifactType === artifactType;
  const found: OciDescriptor[] = [];
  let url: URL | undefined = repositoryUrl(
    http,
    repository,
    `referrers/${digest}`,
  );
  if (artifactType) {
    url.searchParams.set('artifactType', artifactType);
  }
  for (let page = 0; url && page < MAX_PAGES; page += 1) {
    const response: Response = await http.send({
      method: 'GET',
      url,
      scope: pullScope(repository),
      accept: [200, 404],
      signal,
    });
    const type = response.headers.get('content-type') ?? '';
    if (response.status === 404 || !type.startsWith(OCI_MEDIA_TYPES.index)) {
      await response.body?.cancel();
      return (await readFallback(http, repository, digest, signal)).filter(
        matches,
      );
    }
    const where = `Referrers of ${digest}`;
    const bytes = await readBody(response, MANIFEST_MAX_BYTES, where);
    const index = parseManifest(bytes, where);
    found.push(...(index.kind === 'index' ? index.manifests : []));
    url = nextPage(response, url);
  }
  // A registry may leave the filter to its client.
  return found.filter(matches);
}

/**
 * Adds a referrer to the list that clients keep in a tag where the registry
 * has no referrers API. Two writers may overwrite each other, so it is read
 * again until our entry is in it.
 *
 * Source: distribution specification, "Referrers tag schema".
 */
export async function recordInFallbackTag(
  http: RegistryHttp,
  repository: string,
  subject: Digest,
  referrer: OciDescriptor,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let attempt = 1; attempt <= FALLBACK_ATTEMPTS; attempt += 1) {
    const current = await readFallback(http, repository, subject, signal);
    if (current.some(({ digest }) => digest === referrer.digest)) {
      return;
    }
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MEDIA_TYPES.index,
        manifests: [...current, referrer],
      }),
    );
    await sendManifest(
      http,
      repository,
      fallbackTag(subject),
      bytes,
      OCI_MEDIA_TYPES.index,
      signal,
    );
    await delay(attempt === 1 ? 0 : 50 * attempt, undefined, { signal });
    const after = await readFallback(http, repository, subject, signal);
    if (after.some(({ digest }) => digest === referrer.digest)) {
      return;
    }
  }
  throw new Error(
    `Registry ${http.access.host}: the list of referrers of ${subject} in ${repository} keeps changing under us; try again`,
  );
}

/** How a list of referrers names a manifest, in a client and in a registry. @public */
export function referrerDescriptor(
  manifest: OciIndex | OciManifest,
  bytes: Buffer,
  digest: Digest,
  mediaType: string,
): OciDescriptor {
  const artifactType =
    manifest.artifactType ??
    (manifest.kind === 'manifest' ? manifest.config.mediaType : undefined);
  return {
    mediaType,
    digest,
    size: bytes.length,
    ...(artifactType && { artifactType }),
    ...(Object.keys(manifest.annotations).length > 0 && {
      annotations: manifest.annotations,
    }),
  };
}
