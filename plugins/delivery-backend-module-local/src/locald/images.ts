import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { InputError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import {
  OciLayout,
  OciManifest,
  createRegistryClient,
  parseDigest,
  parseReference,
  unpackImage,
} from '@slipway/backstage-plugin-delivery-node';
import { ImageProcess } from './entrypoint';
import { readTextIfThere, writeAtomically } from './files';
import { RegistryAddress } from './protocol';
import { untilAborted } from './waiting';

/*
 * Images on disk: each digest is pulled, verified and unpacked once, into a
 * folder that appears under its final name only when everything is there and
 * true. Layers stay in one OCI layout, so that the next release of a service
 * moves its application's layer only.
 */

const MAX_IMAGE_BYTES = 2 * 1024 ** 3;
const CONFIG_MAX_BYTES = 1024 * 1024;
const PULL_TIMEOUT_MS = 10 * 60_000;
const BLOB_GRACE_MS = 60 * 60_000;

export interface UnpackedImage {
  digest: Digest;
  rootfs: string;
  process: ImageProcess;
}

/** `image.json` beside an unpacked image. */
interface ImageFile {
  process: ImageProcess;
  blobs: Digest[];
}

function isLoopback(host: string): boolean {
  return /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/.test(host);
}

function strings(value: unknown): string[] {
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === 'string')
    : [];
}

function readProcess(config: Buffer, where: string): ImageProcess {
  let value: { config?: Record<string, unknown> };
  try {
    value = JSON.parse(config.toString('utf8'));
  } catch (error) {
    throw new InputError(`The configuration of ${where} is not JSON`, error);
  }
  const config_ = value?.config ?? {};
  return {
    entrypoint: strings(config_.Entrypoint),
    cmd: strings(config_.Cmd),
    env: strings(config_.Env),
    workingDir:
      typeof config_.WorkingDir === 'string' && config_.WorkingDir !== ''
        ? config_.WorkingDir
        : '/',
  };
}

export class ImageStore {
  private readonly running = new Map<Digest, Promise<UnpackedImage>>();
  private layout: Promise<OciLayout> | undefined;

  constructor(private readonly directory: string) {}

  /** Throws away what a killed process has left half done. */
  async start(): Promise<void> {
    await mkdir(this.unpacked, { recursive: true });
    for (const entry of await readdir(this.unpacked)) {
      if (entry.startsWith('.partial-')) {
        await removeTree(join(this.unpacked, entry));
      }
    }
  }

  /** What is already there; `undefined`: it has to be pulled. */
  async find(reference: string): Promise<UnpackedImage | undefined> {
    const { digest } = requireDigest(reference);
    const folder = this.folderOf(digest);
    const text = await readTextIfThere(join(folder, 'image.json'));
    if (text === undefined) {
      return undefined;
    }
    const { process }: ImageFile = JSON.parse(text);
    return { digest, rootfs: join(folder, 'rootfs'), process };
  }

  /**
   * Errors: `InputError` for references without a digest and images that may
   * not be unpacked; `DigestMismatchError` when the registry lies; others
   * when it cannot be reached.
   */
  async ensure(
    reference: string,
    registry: RegistryAddress,
    signal: AbortSignal,
  ): Promise<UnpackedImage> {
    const found = await this.find(reference);
    if (found) {
      return found;
    }
    const { digest, repository, host } = requireDigest(reference);
    // The registry of this machine may have moved to another port meanwhile;
    // what a digest names is the same wherever it lies.
    if (
      host !== undefined &&
      host !== registry.host &&
      !(isLoopback(host) && isLoopback(registry.host))
    ) {
      throw new InputError(
        `The image ${reference} lies on "${host}"; the local environment pulls from "${registry.host}" only`,
      );
    }
    let pull = this.running.get(digest);
    if (!pull) {
      // Others may wait for it too, so it does not end with its first caller.
      pull = this.pull(
        digest,
        repository,
        registry,
        AbortSignal.timeout(PULL_TIMEOUT_MS),
      ).finally(() => this.running.delete(digest));
      pull.catch(() => undefined);
      this.running.set(digest, pull);
    }
    return untilAborted(pull, signal);
  }

  /** Removes unpacked images that are not in the list, keeping some. */
  async prune(keep: ReadonlySet<Digest>, spare: number): Promise<void> {
    const kept = new Set([...keep].map(digest => parseDigest(digest).hex));
    const others: Array<{ name: string; atMs: number }> = [];
    for (const name of await readdir(this.unpacked)) {
      if (/^[0-9a-f]{64}$/.test(name) && !kept.has(name)) {
        const text = await readTextIfThere(join(this.unpacked, name, 'used'));
        others.push({ name, atMs: Number(text ?? 0) });
      }
    }
    others.sort((a, b) => b.atMs - a.atMs);
    for (const { name } of others.slice(spare)) {
      const gone = join(this.unpacked, `.partial-${randomUUID()}`);
      await rename(join(this.unpacked, name), gone);
      await removeTree(gone);
    }
    await this.pruneBlobs();
  }

  /** Blobs of no unpacked image; not those that a pull may be bringing now. */
  private async pruneBlobs(): Promise<void> {
    const used = new Set<string>();
    for (const name of await readdir(this.unpacked)) {
      const text = await readTextIfThere(
        join(this.unpacked, name, 'image.json'),
      );
      if (text !== undefined) {
        const { blobs }: ImageFile = JSON.parse(text);
        blobs.forEach(digest => used.add(parseDigest(digest).hex));
      }
    }
    const folder = join(this.directory, 'layout', 'blobs', 'sha256');
    const oldestMs = Date.now() - BLOB_GRACE_MS;
    for (const name of this.running.size === 0 ? await readdir(folder) : []) {
      const path = join(folder, name);
      if (!used.has(name) && (await stat(path)).mtimeMs < oldestMs) {
        await rm(path, { force: true });
      }
    }
  }

  private get unpacked(): string {
    return join(this.directory, 'unpacked');
  }

  private folderOf(digest: Digest): string {
    return join(this.unpacked, parseDigest(digest).hex);
  }

  private async pull(
    digest: Digest,
    repository: string,
    registry: RegistryAddress,
    signal: AbortSignal,
  ): Promise<UnpackedImage> {
    this.layout =
      this.layout ?? OciLayout.create(join(this.directory, 'layout'));
    const layout = await this.layout;
    const { credentials } = registry;
    const client = createRegistryClient({
      url: registry.url,
      host: registry.host,
      ...(credentials && { credentials: async () => credentials }),
    });
    const { manifest: descriptor } = await client.pullToLayout(
      repository,
      digest,
      layout,
      { maxBytes: MAX_IMAGE_BYTES, signal },
    );
    const manifest = await imageManifest(layout, descriptor.digest);
    const process = readProcess(
      await layout.readBlob(manifest.config.digest, {
        maxBytes: CONFIG_MAX_BYTES,
        size: manifest.config.size,
      }),
      `${repository}@${digest}`,
    );
    const partial = join(this.unpacked, `.partial-${randomUUID()}`);
    try {
      const rootfs = join(partial, 'rootfs');
      await mkdir(rootfs, { recursive: true });
      await unpackImage(layout, manifest, rootfs, {
        maxBytes: 2 * MAX_IMAGE_BYTES,
        absoluteLinks: 'rebase',
        signal,
      });
      const file: ImageFile = {
        process,
        blobs: [
          digest,
          descriptor.digest,
          manifest.config.digest,
          ...manifest.layers.map(layer => layer.digest),
        ],
      };
      await writeAtomically(join(partial, 'image.json'), JSON.stringify(file));
      await writeAtomically(join(partial, 'used'), `${Date.now()}`);
      const folder = this.folderOf(digest);
      await removeTree(folder);
      await rename(partial, folder);
      return { digest, rootfs: join(folder, 'rootfs'), process };
    } finally {
      await removeTree(partial);
    }
  }
}

function requireDigest(reference: string) {
  const parsed = parseReference(reference);
  if (!parsed.digest) {
    throw new InputError(
      `The image reference "${reference}" has no digest; only what was scanned may run, so it must end in @sha256:...`,
    );
  }
  return { ...parsed, digest: parsed.digest };
}

/** Of an index the image for Linux on this processor, else its first. */
async function imageManifest(
  layout: OciLayout,
  digest: Digest,
): Promise<OciManifest> {
  const { manifest } = await layout.readManifest(digest);
  if (manifest.kind === 'manifest') {
    return manifest;
  }
  const images = manifest.manifests.filter(
    child => child.platform?.os !== 'unknown',
  );
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const chosen =
    images.find(child => child.platform?.architecture === arch) ?? images[0];
  if (!chosen) {
    throw new InputError(`The image index ${digest} names no image`);
  }
  return imageManifest(layout, chosen.digest);
}

async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
