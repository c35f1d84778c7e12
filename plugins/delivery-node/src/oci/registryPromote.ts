import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { assertDepth, OCI_MEDIA_TYPES, parseManifest } from './manifest';
import { headBlob, mountBlob } from './registryBlobs';
import { RegistryHttp } from './registryHttp';
import { requireManifest } from './registryManifests';
import { putManifest } from './registryPut';
import { listReferrers } from './registryReferrers';
import { tagManifest } from './registryTags';

/** @public */
export interface PromoteOptions {
  tag?: string;
  signal?: AbortSignal;
}

async function promoteTree(
  http: RegistryHttp,
  fromRepository: string,
  toRepository: string,
  digest: Digest,
  signal: AbortSignal | undefined,
  depth: number,
): Promise<void> {
  assertDepth(depth);
  const source = await requireManifest(http, fromRepository, digest, signal);
  const manifest = parseManifest(source.bytes, `${fromRepository}@${digest}`);
  const again = (child: Digest) =>
    promoteTree(http, fromRepository, toRepository, child, signal, depth + 1);
  if (manifest.kind === 'index') {
    for (const child of manifest.manifests) {
      await again(child.digest);
    }
  } else {
    for (const blob of [manifest.config, ...manifest.layers]) {
      if (
        !(await headBlob(http, toRepository, blob.digest, signal)) &&
        !(await mountBlob(
          http,
          toRepository,
          fromRepository,
          blob.digest,
          signal,
        ))
      ) {
        throw new Error(
          `Registry ${http.access.host} does not mount blob ${blob.digest} of ${fromRepository} into ${toRepository}; promote by pull and push there`,
        );
      }
    }
  }
  await putManifest(
    http,
    toRepository,
    digest,
    source.bytes,
    source.mediaType || OCI_MEDIA_TYPES.manifest,
    signal,
  );
  const referrers = await listReferrers(http, fromRepository, digest, {
    signal,
  });
  for (const referrer of referrers) {
    await again(referrer.digest);
  }
}

/**
 * Makes an image of one repository available in another one of the same
 * registry, with what refers to it (signatures, SBOM). Blobs are mounted: none
 * of their bytes move.
 *
 * Errors: `NotFoundError`, `ConflictError` for a tag that names something
 * else, `Error` when the registry does not mount.
 *
 * @public
 */
export async function promote(
  http: RegistryHttp,
  fromRepository: string,
  toRepository: string,
  digest: Digest,
  options: PromoteOptions = {},
): Promise<void> {
  const { signal } = options;
  await promoteTree(http, fromRepository, toRepository, digest, signal, 1);
  const there = await requireManifest(http, toRepository, digest, signal);
  if (options.tag) {
    await tagManifest(http, toRepository, options.tag, there, signal);
  }
}
