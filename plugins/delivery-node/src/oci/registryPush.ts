import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { OciLayout } from './layout';
import { assertDepth } from './manifest';
import { headBlob, mountBlob, uploadBlob } from './registryBlobs';
import { RegistryHttp } from './registryHttp';
import { requireManifest } from './registryManifests';
import { putManifest } from './registryPut';
import { tagManifest } from './registryTags';

/** @public */
export interface PushOptions {
  /** Set once everything is there and verified; never moved. */
  tag?: string;
  /** Blobs that this repository of the same registry has are mounted. */
  mountFrom?: string;
  signal?: AbortSignal;
}

/** @public */
export interface PushResult {
  digest: Digest;
  /** Bytes of blobs that went over the wire. */
  uploadedBytes: number;
  uploaded: Digest[];
}

async function pushTree(
  http: RegistryHttp,
  layout: OciLayout,
  digest: Digest,
  repository: string,
  options: PushOptions,
  result: PushResult,
  depth: number,
): Promise<void> {
  assertDepth(depth);
  const { signal, mountFrom } = options;
  const { bytes, manifest } = await layout.readManifest(digest);
  if (manifest.kind === 'index') {
    for (const child of manifest.manifests) {
      await pushTree(
        http,
        layout,
        child.digest,
        repository,
        options,
        result,
        depth + 1,
      );
    }
  } else {
    const blobs = new Map(
      [manifest.config, ...manifest.layers].map(blob => [blob.digest, blob]),
    );
    for (const blob of blobs.values()) {
      if (
        mountFrom &&
        mountFrom !== repository &&
        !(await headBlob(http, repository, blob.digest, signal)) &&
        (await headBlob(http, mountFrom, blob.digest, signal)) &&
        (await mountBlob(http, repository, mountFrom, blob.digest, signal))
      ) {
        continue;
      }
      const outcome = await uploadBlob(
        http,
        repository,
        {
          digest: blob.digest,
          size: blob.size,
          open: () => layout.blobStream(blob),
        },
        signal,
      );
      if (outcome === 'uploaded') {
        result.uploaded.push(blob.digest);
        result.uploadedBytes += blob.size;
      }
    }
  }
  await putManifest(
    http,
    repository,
    digest,
    bytes,
    manifest.mediaType,
    signal,
  );
}

/**
 * Pushes exactly the bytes that the layout holds under `digest`: blobs first,
 * then manifests by digest, then a look whether the registry has them under
 * that digest, and the tag last.
 *
 * Errors: `ConflictError` when the tag names something else,
 * `DigestMismatchError` when the layout or the registry lies.
 *
 * @public
 */
export async function pushLayout(
  http: RegistryHttp,
  layout: OciLayout,
  digest: Digest,
  repository: string,
  options: PushOptions = {},
): Promise<PushResult> {
  const result: PushResult = { digest, uploadedBytes: 0, uploaded: [] };
  await pushTree(http, layout, digest, repository, options, result, 1);
  const pushed = await requireManifest(
    http,
    repository,
    digest,
    options.signal,
  );
  if (options.tag) {
    const { bytes, manifest } = await layout.readManifest(digest);
    await tagManifest(
      http,
      repository,
      options.tag,
      { bytes, digest: pushed.digest, mediaType: manifest.mediaType },
      options.signal,
    );
  }
  return result;
}
