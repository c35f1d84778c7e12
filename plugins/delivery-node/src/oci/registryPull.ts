import { InputError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { OciLayout } from './layout';
import { assertDepth, OciDescriptor, parseManifest } from './manifest';
import { openBlob } from './registryBlobs';
import { RegistryHttp } from './registryHttp';
import { requireManifest } from './registryManifests';

const DEFAULT_MAX_BYTES = 8 * 1024 ** 3;

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

class Puller {
  private remaining: number;

  constructor(
    private readonly http: RegistryHttp,
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
    const { http, repository, options } = this;
    return requireManifest(http, repository, reference, options.signal);
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
    const { http, repository, layout, options } = this;
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
    const stream = await openBlob(
      http,
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
  http: RegistryHttp,
  repository: string,
  reference: string,
  layout: OciLayout,
  options: PullOptions = {},
): Promise<PullResult> {
  const puller = new Puller(http, repository, layout, options);
  const result = await puller.pull(reference, 1);
  await layout.addToIndex(options.platform ? result.manifest : result.root);
  return result;
}
