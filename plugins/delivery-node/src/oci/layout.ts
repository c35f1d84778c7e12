import { constants, createReadStream } from 'node:fs';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InputError, NotFoundError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { createVerifier, digestOf, parseDigest, verifyBytes } from './digest';
import {
  adoptFile,
  sizeOfFile,
  writeFileAtomically,
  writeStream,
} from './layoutFiles';
import {
  MANIFEST_MAX_BYTES,
  OCI_MEDIA_TYPES,
  OciDescriptor,
  OciIndex,
  OciManifest,
  parseManifest,
} from './manifest';

const LAYOUT_FILE = 'oci-layout';
const INDEX_FILE = 'index.json';

/**
 * An OCI image layout on disk: blobs by digest, and an index that names the
 * manifests. Every blob is verified when it is read, so whoever reads from a
 * layout reads what the digest says or nothing.
 *
 * Source: image-layout.md of the OCI image specification.
 *
 * @public
 */
export class OciLayout {
  private constructor(readonly directory: string) {}

  /** Makes an empty layout, or goes on with the one that is there. */
  static async create(directory: string): Promise<OciLayout> {
    await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true });
    const layout = new OciLayout(directory);
    if ((await sizeOfFile(layout.path(LAYOUT_FILE))) === undefined) {
      await writeFileAtomically(
        layout.path(LAYOUT_FILE),
        JSON.stringify({ imageLayoutVersion: '1.0.0' }),
      );
    }
    if ((await sizeOfFile(layout.path(INDEX_FILE))) === undefined) {
      await layout.writeIndex([]);
    }
    return layout;
  }

  /**
   * Opens a layout that somebody else wrote.
   *
   * Errors: `InputError` when the folder is not a layout of version 1.
   */
  static async open(directory: string): Promise<OciLayout> {
    let version: unknown;
    try {
      version = JSON.parse(
        await readFile(join(directory, LAYOUT_FILE), 'utf8'),
      )?.imageLayoutVersion;
    } catch (error) {
      throw new InputError(
        `${directory} is not an OCI image layout: its file ${LAYOUT_FILE} cannot be read`,
        error,
      );
    }
    if (typeof version !== 'string' || !/^1\.\d+\.\d+$/.test(version)) {
      throw new InputError(
        `${directory} is an OCI image layout of version "${version}"; version 1.0.0 was expected`,
      );
    }
    return new OciLayout(directory);
  }

  /** Where a blob lies. The digest is checked, so the path stays inside. */
  blobPath(digest: Digest): string {
    const { algorithm, hex } = parseDigest(digest);
    return join(this.directory, 'blobs', algorithm, hex);
  }

  /** The size of a blob that is there; its bytes are not looked at. */
  async blobSize(digest: Digest): Promise<number | undefined> {
    return sizeOfFile(this.blobPath(digest));
  }

  /** Errors: `DigestMismatchError` when a digest was promised and is wrong. */
  async writeBlob(
    bytes: Buffer,
    expected?: { digest: Digest; size?: number },
  ): Promise<{ digest: Digest; size: number }> {
    if (expected) {
      verifyBytes(bytes, expected, 'The blob to write');
    }
    const digest = expected?.digest ?? digestOf(bytes);
    if ((await this.blobSize(digest)) !== bytes.length) {
      await writeFileAtomically(this.blobPath(digest), bytes);
    }
    return { digest, size: bytes.length };
  }

  /**
   * Writes a stream under the digest that it turns out to have, or that was
   * promised. Nothing is left behind when the stream fails or lies. Given a
   * chain, its parts are piped into each other and fail together.
   */
  async writeBlobStream(
    source: Readable | readonly [Readable, ...Transform[]],
    options: {
      expected?: { digest: Digest; size?: number };
      maxBytes: number;
      signal?: AbortSignal;
    },
  ): Promise<{ digest: Digest; size: number }> {
    const temporary = this.temporary();
    try {
      const written = await writeStream(temporary, source, options);
      await adoptFile(temporary, this.blobPath(written.digest));
      return written;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /**
   * The verified bytes of a small blob.
   *
   * Errors: `NotFoundError`, `DigestMismatchError`, `InputError` above the
   * limit.
   */
  async readBlob(
    digest: Digest,
    options: { maxBytes?: number; size?: number } = {},
  ): Promise<Buffer> {
    const maxBytes = options.maxBytes ?? MANIFEST_MAX_BYTES;
    const size = await this.blobSize(digest);
    if (size === undefined) {
      throw new NotFoundError(
        `The image layout has no blob ${digest}; the image is incomplete`,
      );
    }
    if (size > maxBytes) {
      throw new InputError(
        `Blob ${digest} has ${size} bytes; at most ${maxBytes} were expected here`,
      );
    }
    const bytes = await readFile(this.blobPath(digest));
    verifyBytes(bytes, { digest, size: options.size }, 'The image layout');
    return bytes;
  }

  /** Takes over a blob of another layout, without a second hash of it. */
  async importBlob(from: OciLayout, digest: Digest): Promise<void> {
    const size = await from.blobSize(digest);
    if (size === undefined) {
      throw new NotFoundError(
        `The image layout has no blob ${digest}; the image is incomplete`,
      );
    }
    if ((await this.blobSize(digest)) === size) {
      return;
    }
    const temporary = this.temporary();
    try {
      // A copy and no hard link: layouts are thrown away on their own, and
      // nothing that is written to one may show in the other.
      await copyFile(
        from.blobPath(digest),
        temporary,
        constants.COPYFILE_FICLONE,
      );
      await adoptFile(temporary, this.blobPath(digest));
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /**
   * Reads a blob once from end to end and compares.
   *
   * Errors: `NotFoundError`, `DigestMismatchError`.
   */
  async verifyBlob(
    descriptor: { digest: Digest; size?: number },
    signal?: AbortSignal,
  ): Promise<void> {
    if ((await this.blobSize(descriptor.digest)) === undefined) {
      throw new NotFoundError(
        `The image layout has no blob ${descriptor.digest}; the image is incomplete`,
      );
    }
    const verifier = createVerifier(descriptor, 'The image layout');
    verifier.resume();
    await pipeline(
      createReadStream(this.blobPath(descriptor.digest)),
      verifier,
      {
        signal,
      },
    );
  }

  /** Bytes that are verified while they pass; see {@link createVerifier}. */
  blobStream(descriptor: { digest: Digest; size?: number }): Readable {
    const source = createReadStream(this.blobPath(descriptor.digest));
    const verifier = createVerifier(descriptor, 'The image layout');
    source.on('error', error => verifier.destroy(error));
    verifier.on('close', () => source.destroy());
    return source.pipe(verifier);
  }

  /** Errors: as {@link OciLayout.readBlob}, and `InputError` for bad JSON. */
  async readManifest(digest: Digest): Promise<{
    bytes: Buffer;
    manifest: OciManifest | OciIndex;
  }> {
    const bytes = await this.readBlob(digest);
    return { bytes, manifest: parseManifest(bytes, `Manifest ${digest}`) };
  }

  /** The manifests that `index.json` names. */
  async index(): Promise<OciDescriptor[]> {
    const bytes = await readFile(join(this.directory, INDEX_FILE));
    const index = parseManifest(bytes, `${INDEX_FILE} of the image layout`);
    if (index.kind !== 'index') {
      throw new InputError(
        `${INDEX_FILE} of the image layout is not an image index`,
      );
    }
    return index.manifests;
  }

  /** Names a manifest in `index.json`; the same digest is named once. */
  async addToIndex(descriptor: OciDescriptor): Promise<void> {
    const others = (await this.index()).filter(
      other => other.digest !== descriptor.digest,
    );
    await this.writeIndex([...others, descriptor]);
  }

  private async writeIndex(manifests: OciDescriptor[]): Promise<void> {
    await writeFileAtomically(
      this.path(INDEX_FILE),
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MEDIA_TYPES.index,
        manifests,
      }),
    );
  }

  private path(name: string): string {
    return join(this.directory, name);
  }

  private temporary(): string {
    return join(this.directory, 'blobs', `.partial-${randomUUID()}`);
  }
}
