import { InputError, NotFoundError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { OciLayout } from './layout';
import {
  assertDepth,
  OCI_MEDIA_TYPES,
  OciDescriptor,
  parseManifest,
} from './manifest';
import type { FetchedManifest, RegistryClient } from './registryClient';

const DEFAULT_MAX_BYTES = 8 * 1024 ** 3;

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

/** @public */
export interface PullOptions {
  /** Which image of an index; the whole index when absent. */
  platform?: { os: string; architecture: string };
  /** All blobs of the image together. */
  maxBytes?: number;
  signal?: AbortSignal;
}

/** @public */
export interface PullResult {
  /** What the reference named. */
  root: OciDescriptor;
  /** The image manifest: the root, or the one of the platform. */
  manifest: OciDescriptor;
}

/** @public */
export interface PromoteOptions {
  tag?: string;
  signal?: AbortSignal;
}

async function requireManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  signal?: AbortSignal,
): Promise<FetchedManifest> {
  const found = await client.getManifest(repository, reference, signal);
  if (!found) {
    throw new NotFoundError(
      `Registry ${client.host} has no image ${repository}@${reference}`,
    );
  }
  return found;
}

async function pushTree(
  client: RegistryClient,
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
        client,
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
        !(await client.headBlob(repository, blob.digest, signal)) &&
        (await client.headBlob(mountFrom, blob.digest, signal)) &&
        (await client.mountBlob(repository, mountFrom, blob.digest, signal))
      ) {
        continue;
      }
      const outcome = await client.uploadBlob(
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
  await client.putManifest(
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
  client: RegistryClient,
  layout: OciLayout,
  digest: Digest,
  repository: string,
  options: PushOptions = {},
): Promise<PushResult> {
  const result: PushResult = { digest, uploadedBytes: 0, uploaded: [] };
  await pushTree(client, layout, digest, repository, options, result, 1);
  const pushed = await requireManifest(
    client,
    repository,
    digest,
    options.signal,
  );
  if (options.tag) {
    const { bytes, manifest } = await layout.readManifest(digest);
    await client.tagManifest(
      repository,
      options.tag,
      { bytes, digest: pushed.digest, mediaType: manifest.mediaType },
      options.signal,
    );
  }
  return result;
}

class Puller {
  private remaining: number;

  constructor(
    private readonly client: RegistryClient,
    private readonly repository: string,
    private readonly layout: OciLayout,
    private readonly options: PullOptions,
  ) {
    this.remaining = options.maxBytes ?? DEFAULT_MAX_BYTES;
  }

  /** Returns the descriptor of the image of the wanted platform. */
  async pull(reference: string, depth: number): Promise<PullResult> {
    assertDepth(depth);
    const { bytes, digest, mediaType } = await this.manifest(reference);
    const manifest = parseManifest(bytes, `${this.repository}@${digest}`);
    const root: OciDescriptor = { mediaType, digest, size: bytes.length };
    let result: PullResult = { root, manifest: root };
    if (manifest.kind === 'index') {
      const wanted = this.choose(manifest.manifests, digest);
      for (const child of wanted) {
        const pulled = await this.pull(child.digest, depth + 1);
        result = this.options.platform
          ? { root, manifest: pulled.manifest }
          : result;
      }
    } else {
      for (const blob of [manifest.config, ...manifest.layers]) {
        await this.blob(blob);
      }
    }
    await this.layout.writeBlob(bytes, { digest });
    return result;
  }

  private async manifest(reference: string) {
    const { client, repository, options } = this;
    return requireManifest(client, repository, reference, options.signal);
  }

  private choose(manifests: OciDescriptor[], digest: Digest): OciDescriptor[] {
    const { platform } = this.options;
    if (!platform) {
      return manifests;
    }
    const found = manifests.find(
      child =>
        child.platform?.os === platform.os &&
        child.platform.architecture === platform.architecture,
    );
    if (!found) {
      const offered = manifests
        .map(child => `${child.platform?.os}/${child.platform?.architecture}`)
        .join(', ');
      throw new InputError(
        `${this.repository}@${digest} has no image for ${platform.os}/${platform.architecture}; it has: ${offered}`,
      );
    }
    return [found];
  }

  private async blob(blob: OciDescriptor): Promise<void> {
    const { client, repository, layout, options } = this;
    this.remaining -= blob.size;
    if (this.remaining < 0) {
      throw new InputError(
        `${repository} has an image of more than ${
          options.maxBytes ?? DEFAULT_MAX_BYTES
        } bytes, which is the limit`,
      );
    }
    if ((await layout.blobSize(blob.digest)) === blob.size) {
      return;
    }
    const stream = await client.openBlob(
      repository,
      blob.digest,
      options.signal,
    );
    await layout.writeBlobStream(stream, {
      expected: blob,
      maxBytes: blob.size,
      signal: options.signal,
    });
  }
}

/**
 * Brings an image into a layout. Each blob is verified before it is there
 * under its name; the root is named in the layout's index.
 *
 * Errors: `NotFoundError`, `DigestMismatchError`, `InputError` above the
 * limit or without an image for the platform.
 *
 * @public
 */
export async function pullToLayout(
  client: RegistryClient,
  repository: string,
  reference: string,
  layout: OciLayout,
  options: PullOptions = {},
): Promise<PullResult> {
  const puller = new Puller(client, repository, layout, options);
  const result = await puller.pull(reference, 1);
  await layout.addToIndex(options.platform ? result.manifest : result.root);
  return result;
}

async function promoteTree(
  client: RegistryClient,
  fromRepository: string,
  toRepository: string,
  digest: Digest,
  signal: AbortSignal | undefined,
  depth: number,
): Promise<void> {
  assertDepth(depth);
  const source = await requireManifest(client, fromRepository, digest, signal);
  const manifest = parseManifest(source.bytes, `${fromRepository}@${digest}`);
  const again = (child: Digest) =>
    promoteTree(client, fromRepository, toRepository, child, signal, depth + 1);
  if (manifest.kind === 'index') {
    for (const child of manifest.manifests) {
      await again(child.digest);
    }
  } else {
    for (const blob of [manifest.config, ...manifest.layers]) {
      if (
        !(await client.headBlob(toRepository, blob.digest, signal)) &&
        !(await client.mountBlob(
          toRepository,
          fromRepository,
          blob.digest,
          signal,
        ))
      ) {
        throw new Error(
          `Registry ${client.host} does not mount blob ${blob.digest} of ${fromRepository} into ${toRepository}; promote by pull and push there`,
        );
      }
    }
  }
  await client.putManifest(
    toRepository,
    digest,
    source.bytes,
    source.mediaType || OCI_MEDIA_TYPES.manifest,
    signal,
  );
  const referrers = await client.listReferrers(fromRepository, digest, {
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
  client: RegistryClient,
  fromRepository: string,
  toRepository: string,
  digest: Digest,
  options: PromoteOptions = {},
): Promise<void> {
  const { signal } = options;
  await promoteTree(client, fromRepository, toRepository, digest, signal, 1);
  const there = await requireManifest(client, toRepository, digest, signal);
  if (options.tag) {
    await client.tagManifest(toRepository, options.tag, there, signal);
  }
}
