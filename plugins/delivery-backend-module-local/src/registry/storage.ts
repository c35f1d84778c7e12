import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  OciDescriptor,
  parseDigest,
  writeFileAtomically,
} from '@slipway/backstage-plugin-delivery-node';
import { namesIn, readIfThere, statIfThere } from './files';

/** A manifest as it was pushed. */
export interface StoredManifest {
  bytes: Buffer;
  mediaType: string;
  digest: string;
}

/**
 * What the registry keeps, as plain files:
 *
 *     blobs/<algorithm>/<2 digits>/<hex>            all bytes, once
 *     repositories/<name>/_blobs/<algorithm>/<hex>   "this repository has it"
 *     repositories/<name>/_manifests/<algorithm>/<hex>   its media type
 *     repositories/<name>/_tags/<tag>                a digest
 *     repositories/<name>/_referrers/<subject>/<referrer>   its descriptor
 *
 * No repository name has a part that begins with `_`, so the names cannot
 * collide. Callers have checked names, tags and digests.
 */
export class RegistryStorage {
  constructor(readonly directory: string) {}

  /** Where the bytes of a blob lie, or will lie. */
  blobPath(digest: string): string {
    const { algorithm, hex } = parseDigest(digest);
    return join(this.directory, 'blobs', algorithm, hex.slice(0, 2), hex);
  }

  private repositoryPath(name: string, ...rest: string[]): string {
    return join(this.directory, 'repositories', ...name.split('/'), ...rest);
  }

  private mark(name: string, kind: string, digest: string): string {
    const { algorithm, hex } = parseDigest(digest);
    return this.repositoryPath(name, kind, algorithm, hex);
  }

  private referrersPath(name: string, subject: string): string {
    const { algorithm, hex } = parseDigest(subject);
    return this.repositoryPath(name, '_referrers', `${algorithm}-${hex}`);
  }

  async hasRepository(name: string): Promise<boolean> {
    for (const kind of ['_manifests', '_tags', '_blobs']) {
      if (await statIfThere(this.repositoryPath(name, kind))) {
        return true;
      }
    }
    return false;
  }

  /** The size of a blob of this repository. */
  async blobSize(name: string, digest: string): Promise<number | undefined> {
    if (!(await statIfThere(this.mark(name, '_blobs', digest)))) {
      return undefined;
    }
    return (await statIfThere(this.blobPath(digest)))?.size;
  }

  /** Whether any repository ever had the blob. */
  async hasBlobAnywhere(digest: string): Promise<boolean> {
    return (await statIfThere(this.blobPath(digest))) !== undefined;
  }

  /** A repository has a blob from now on; its bytes are there. */
  async linkBlob(name: string, digest: string): Promise<void> {
    await writeFileAtomically(this.mark(name, '_blobs', digest), '');
  }

  /** A verified file becomes a blob of the repository. */
  async adoptBlob(name: string, digest: string, file: string): Promise<void> {
    const path = this.blobPath(digest);
    await mkdir(dirname(path), { recursive: true });
    await rename(file, path);
    await this.linkBlob(name, digest);
  }

  /** Other repositories keep theirs. Returns whether it was there. */
  async unlinkBlob(name: string, digest: string): Promise<boolean> {
    const wasThere = (await this.blobSize(name, digest)) !== undefined;
    await rm(this.mark(name, '_blobs', digest), { force: true });
    return wasThere;
  }

  async putManifest(
    name: string,
    manifest: StoredManifest,
    referrer?: { subject: string; descriptor: OciDescriptor },
  ): Promise<void> {
    const path = this.blobPath(manifest.digest);
    if (!(await statIfThere(path))) {
      await writeFileAtomically(path, manifest.bytes);
    }
    if (referrer) {
      await writeFileAtomically(
        join(
          this.referrersPath(name, referrer.subject),
          manifest.digest.replace(':', '-'),
        ),
        JSON.stringify(referrer.descriptor),
      );
    }
    await writeFileAtomically(
      this.mark(name, '_manifests', manifest.digest),
      manifest.mediaType,
    );
  }

  async getManifest(
    name: string,
    digest: string,
  ): Promise<StoredManifest | undefined> {
    const mediaType = await readIfThere(this.mark(name, '_manifests', digest));
    const bytes = mediaType && (await readIfThere(this.blobPath(digest)));
    return mediaType && bytes
      ? { bytes, digest, mediaType: mediaType.toString('utf8') }
      : undefined;
  }

  /** Removes the manifest, the tags that name it, and it as a referrer. */
  async deleteManifest(
    name: string,
    digest: string,
    subject: string | undefined,
  ): Promise<void> {
    for (const tag of await this.tags(name)) {
      if ((await this.tag(name, tag)) === digest) {
        await this.deleteTag(name, tag);
      }
    }
    if (subject) {
      await rm(
        join(this.referrersPath(name, subject), digest.replace(':', '-')),
        { force: true },
      );
    }
    await rm(this.mark(name, '_manifests', digest), { force: true });
  }

  async tag(name: string, tag: string): Promise<string | undefined> {
    const found = await readIfThere(this.repositoryPath(name, '_tags', tag));
    return found?.toString('utf8');
  }

  async putTag(name: string, tag: string, digest: string): Promise<void> {
    await writeFileAtomically(this.repositoryPath(name, '_tags', tag), digest);
  }

  async deleteTag(name: string, tag: string): Promise<void> {
    await rm(this.repositoryPath(name, '_tags', tag), { force: true });
  }

  /** Sorted; half-written files begin with a dot, which no tag does. */
  async tags(name: string): Promise<string[]> {
    const names = await namesIn(this.repositoryPath(name, '_tags'));
    return names.filter(tag => !tag.startsWith('.'));
  }

  async referrers(name: string, subject: string): Promise<OciDescriptor[]> {
    const folder = this.referrersPath(name, subject);
    const found: OciDescriptor[] = [];
    for (const file of await namesIn(folder)) {
      const bytes = file.startsWith('.')
        ? undefined
        : await readIfThere(join(folder, file));
      if (bytes) {
        found.push(JSON.parse(bytes.toString('utf8')));
      }
    }
    return found;
  }
}
