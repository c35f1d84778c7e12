import { Readable } from 'node:stream';
import { ConflictError, InputError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { RegistryAccess } from '../ports';
import {
  DigestMismatchError,
  digestOf,
  isDigest,
  parseDigest,
  verifyBytes,
} from './digest';
import { OciLayout } from './layout';
import {
  MANIFEST_MAX_BYTES,
  OCI_MEDIA_TYPES,
  OciDescriptor,
  parseManifest,
} from './manifest';
import { isRepositoryName, isTag } from './reference';
import {
  mediaTypeOf,
  nextPage,
  pullScope,
  pushScope,
  readBody,
  readWithStallLimit,
} from './registryAnswers';
import {
  listReferrers,
  recordInFallbackTag,
  referrerDescriptor,
} from './registryReferrers';
import { RegistryHttp, RegistryHttpOptions } from './registryHttp';
import {
  promote,
  PromoteOptions,
  pullToLayout,
  PullOptions,
  PullResult,
  pushLayout,
  PushOptions,
  PushResult,
} from './registryTransfer';

const MANIFEST_ACCEPT = [
  OCI_MEDIA_TYPES.index,
  OCI_MEDIA_TYPES.manifest,
  OCI_MEDIA_TYPES.dockerIndex,
  OCI_MEDIA_TYPES.dockerManifest,
].join(', ');
const MAX_TAG_PAGES = 1000;

/** @public */
export interface FetchedManifest {
  bytes: Buffer;
  digest: Digest;
  mediaType: string;
}

/** A blob of known digest that can be read as often as needed. @public */
export interface BlobSource {
  digest: Digest;
  size: number;
  open(): Readable;
}

/**
 * A client of the OCI distribution specification (1.1) for one registry.
 *
 * Whatever is fetched is compared with its digest before it is returned; what
 * a registry says about digests is compared too.
 *
 * @public
 */
export class RegistryClient {
  /** @internal */
  readonly http: RegistryHttp;

  constructor(access: RegistryAccess, options: RegistryHttpOptions = {}) {
    this.http = new RegistryHttp(access, options);
  }

  /** What references carry in front of the repository. */
  get host(): string {
    return this.http.access.host;
  }

  /** The manifest that a tag or digest names now; `undefined`: none. */
  async headManifest(
    repository: string,
    reference: string,
    signal?: AbortSignal,
  ): Promise<{ digest: Digest; mediaType: string } | undefined> {
    const response = await this.http.send({
      method: 'HEAD',
      url: this.manifestUrl(repository, reference),
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
      const manifest = await this.getManifest(repository, reference, signal);
      return (
        manifest && { digest: manifest.digest, mediaType: manifest.mediaType }
      );
    }
    if (!isDigest(digest) || (isDigest(reference) && digest !== reference)) {
      throw new DigestMismatchError(
        `Registry ${
          this.host
        } says that ${repository}@${reference} has the digest "${digest.slice(
          0,
          160,
        )}"`,
      );
    }
    return { digest, mediaType: mediaTypeOf(response) };
  }

  /** Verified bytes of a manifest; `undefined`: there is none. */
  async getManifest(
    repository: string,
    reference: string,
    signal?: AbortSignal,
  ): Promise<FetchedManifest | undefined> {
    const response = await this.http.send({
      method: 'GET',
      url: this.manifestUrl(repository, reference),
      scope: pullScope(repository),
      headers: { accept: MANIFEST_ACCEPT },
      accept: [200, 404],
      signal,
    });
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    const where = `Registry ${this.host}, ${repository}@${reference},`;
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
   * Puts exactly these bytes and checks that the registry took them as what
   * they are. `reference` is the bytes' digest or a tag. A manifest with a
   * subject is made findable as its referrer, on registries that cannot do
   * that by themselves as well.
   */
  async putManifest(
    repository: string,
    reference: string,
    bytes: Buffer,
    mediaType: string,
    signal?: AbortSignal,
  ): Promise<Digest> {
    const digest = isDigest(reference) ? reference : digestOf(bytes);
    verifyBytes(bytes, { digest }, 'The manifest to push');
    const response = await this.http.send({
      method: 'PUT',
      url: this.manifestUrl(repository, reference),
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
          this.host
        } took the manifest ${digest} of ${repository} as "${claimed.slice(
          0,
          160,
        )}"`,
      );
    }
    const manifest = parseManifest(bytes, `Manifest ${digest}`);
    if (
      manifest.subject &&
      response.headers.get('oci-subject') !== manifest.subject.digest
    ) {
      await recordInFallbackTag(
        this,
        repository,
        manifest.subject.digest,
        referrerDescriptor(manifest, bytes, digest, mediaType),
        signal,
      );
    }
    return digest;
  }

  /**
   * Lets a tag name a manifest that is there already. A tag that names
   * another one is never moved.
   *
   * Errors: `ConflictError` when the tag is taken, also when somebody took it
   * while we were at it.
   */
  async tagManifest(
    repository: string,
    tag: string,
    manifest: FetchedManifest,
    signal?: AbortSignal,
  ): Promise<void> {
    if (!isTag(tag)) {
      throw new InputError(`"${tag.slice(0, 160)}" is not a valid image tag`);
    }
    const conflict = (found: string) =>
      new ConflictError(
        `Tag ${repository}:${tag} names ${found} and is not moved to ${manifest.digest}; release under another version`,
      );
    const before = await this.headManifest(repository, tag, signal);
    if (before && before.digest !== manifest.digest) {
      throw conflict(before.digest);
    }
    if (!before) {
      await this.putManifest(
        repository,
        tag,
        manifest.bytes,
        manifest.mediaType,
        signal,
      );
    }
    const after = await this.headManifest(repository, tag, signal);
    if (after?.digest !== manifest.digest) {
      throw conflict(after?.digest ?? 'nothing');
    }
  }

  /** The size of a blob that is there. */
  async headBlob(
    repository: string,
    digest: Digest,
    signal?: AbortSignal,
  ): Promise<{ size: number | undefined } | undefined> {
    const response = await this.http.send({
      method: 'HEAD',
      url: this.blobUrl(repository, digest),
      scope: pullScope(repository),
      accept: [200, 404],
      signal,
    });
    if (response.status === 404) {
      return undefined;
    }
    const length = response.headers.get('content-length');
    return { size: length === null ? undefined : Number(length) };
  }

  /**
   * The bytes of a blob as they come; the receiver must verify them (a layout
   * does). Ends with an error when they stop coming.
   *
   * Errors: `NotFoundError`.
   */
  async openBlob(
    repository: string,
    digest: Digest,
    signal?: AbortSignal,
  ): Promise<Readable> {
    const response = await this.http.send({
      method: 'GET',
      url: this.blobUrl(repository, digest),
      scope: pullScope(repository),
      accept: [200],
      signal,
    });
    return Readable.from(
      readWithStallLimit(
        response,
        this.http.stallTimeoutMs,
        `Registry ${this.host}, blob ${digest} of ${repository},`,
      ),
      { objectMode: false },
    );
  }

  /** Verified bytes of a small blob. */
  async getBlob(
    repository: string,
    descriptor: { digest: Digest; size: number },
    options: { maxBytes: number; signal?: AbortSignal },
  ): Promise<Buffer> {
    if (descriptor.size > options.maxBytes) {
      throw new InputError(
        `Blob ${descriptor.digest} of ${repository} has ${descriptor.size} bytes; at most ${options.maxBytes} were expected here`,
      );
    }
    const where = `Registry ${this.host}, blob of ${repository},`;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of await this.openBlob(
      repository,
      descriptor.digest,
      options.signal,
    )) {
      size += chunk.length;
      if (size > descriptor.size) {
        break;
      }
      chunks.push(chunk);
    }
    const bytes = Buffer.concat(chunks);
    verifyBytes(bytes, descriptor, where);
    return bytes;
  }

  /**
   * Asks for a blob of another repository without moving its bytes. Returns
   * whether the registry did it.
   */
  async mountBlob(
    repository: string,
    fromRepository: string,
    digest: Digest,
    signal?: AbortSignal,
  ): Promise<boolean> {
    parseDigest(digest);
    const url = this.uploadsUrl(repository);
    url.searchParams.set('mount', digest);
    url.searchParams.set('from', checkedRepository(fromRepository));
    const response = await this.http.send({
      method: 'POST',
      url,
      scope: `${pushScope(repository)} ${pullScope(fromRepository)}`,
      accept: [201, 202],
      signal,
    });
    await response.body?.cancel();
    if (response.status === 201) {
      return true;
    }
    const location = response.headers.get('location');
    if (location) {
      // The registry began an upload instead, which nobody will use.
      const cancelled = await this.http.send({
        method: 'DELETE',
        url: new URL(location, url),
        scope: pushScope(repository),
        accept: [204, 202, 200, 404, 405],
        signal,
      });
      await cancelled.body?.cancel();
    }
    return false;
  }

  /**
   * Brings a blob into a repository unless it is there: an empty POST, then
   * one PUT to the place that the registry names.
   */
  async uploadBlob(
    repository: string,
    blob: BlobSource,
    signal?: AbortSignal,
  ): Promise<'there' | 'uploaded'> {
    if (await this.headBlob(repository, blob.digest, signal)) {
      return 'there';
    }
    const start = this.uploadsUrl(repository);
    const begun = await this.http.send({
      method: 'POST',
      url: start,
      scope: pushScope(repository),
      accept: [202],
      signal,
    });
    await begun.body?.cancel();
    const location = begun.headers.get('location');
    if (!location) {
      throw new Error(
        `Registry ${this.host} began an upload to ${repository} without naming its place`,
      );
    }
    // Relative or absolute, with query parameters of the registry's own.
    const url = new URL(location, start);
    url.searchParams.set('digest', blob.digest);
    const done = await this.http.send({
      method: 'PUT',
      url,
      scope: pushScope(repository),
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(blob.size),
      },
      body: blob.size === 0 ? Buffer.alloc(0) : () => blob.open(),
      accept: [201],
      signal,
    });
    await done.body?.cancel();
    const claimed = done.headers.get('docker-content-digest');
    if (claimed && claimed !== blob.digest) {
      throw new DigestMismatchError(
        `Registry ${this.host} took the blob ${
          blob.digest
        } of ${repository} as "${claimed.slice(0, 160)}"`,
      );
    }
    return 'uploaded';
  }

  /** All tags of a repository, following the registry's pages. */
  async listTags(repository: string, signal?: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    let url: URL | undefined = this.repositoryUrl(repository, 'tags/list');
    for (let page = 0; url && page < MAX_TAG_PAGES; page += 1) {
      const response: Response = await this.http.send({
        method: 'GET',
        url,
        scope: pullScope(repository),
        accept: [200, 404],
        signal,
      });
      if (response.status === 404) {
        await response.body?.cancel();
        return tags;
      }
      const body: { tags?: unknown } = JSON.parse(
        (
          await readBody(response, MANIFEST_MAX_BYTES, `Tags of ${repository}`)
        ).toString('utf8'),
      );
      if (Array.isArray(body.tags)) {
        tags.push(...body.tags.filter(tag => typeof tag === 'string'));
      }
      url = nextPage(response, url);
    }
    return tags;
  }

  /** What refers to a manifest: signatures, SBOMs. */
  async listReferrers(
    repository: string,
    digest: Digest,
    options: { artifactType?: string; signal?: AbortSignal } = {},
  ): Promise<OciDescriptor[]> {
    return listReferrers(this, repository, digest, options);
  }

  /** See {@link pushLayout}. */
  async pushLayout(
    layout: OciLayout,
    digest: Digest,
    repository: string,
    options: PushOptions = {},
  ): Promise<PushResult> {
    return pushLayout(this, layout, digest, repository, options);
  }

  /** See {@link pullToLayout}. */
  async pullToLayout(
    repository: string,
    reference: string,
    layout: OciLayout,
    options: PullOptions = {},
  ): Promise<PullResult> {
    return pullToLayout(this, repository, reference, layout, options);
  }

  /** See {@link promote}. */
  async promote(
    fromRepository: string,
    toRepository: string,
    digest: Digest,
    options: PromoteOptions = {},
  ): Promise<void> {
    return promote(this, fromRepository, toRepository, digest, options);
  }

  /** @internal */
  repositoryUrl(repository: string, rest: string): URL {
    return new URL(
      `/v2/${checkedRepository(repository)}/${rest}`,
      this.http.base,
    );
  }

  private manifestUrl(repository: string, reference: string): URL {
    if (!isTag(reference)) {
      parseDigest(reference);
    }
    return this.repositoryUrl(repository, `manifests/${reference}`);
  }

  private blobUrl(repository: string, digest: Digest): URL {
    parseDigest(digest);
    return this.repositoryUrl(repository, `blobs/${digest}`);
  }

  private uploadsUrl(repository: string): URL {
    return this.repositoryUrl(repository, 'blobs/uploads/');
  }
}

/** @public */
export function createRegistryClient(
  access: RegistryAccess,
  options: RegistryHttpOptions = {},
): RegistryClient {
  return new RegistryClient(access, options);
}

function checkedRepository(repository: string): string {
  if (!isRepositoryName(repository)) {
    throw new InputError(
      `"${repository.slice(0, 300)}" is not a valid repository name`,
    );
  }
  return repository;
}
