import { Readable } from 'node:stream';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { RegistryAccess } from '../ports';
import { OciLayout } from './layout';
import { OciDescriptor } from './manifest';
import {
  BlobSource,
  getBlob,
  headBlob,
  mountBlob,
  openBlob,
  uploadBlob,
} from './registryBlobs';
import { RegistryHttp, RegistryHttpOptions } from './registryHttp';
import {
  FetchedManifest,
  getManifest,
  headManifest,
} from './registryManifests';
import { promote, PromoteOptions } from './registryPromote';
import { PullOptions, PullResult, pullToLayout } from './registryPull';
import { pushLayout, PushOptions, PushResult } from './registryPush';
import { putManifest } from './registryPut';
import { listReferrers } from './registryReferrers';
import { listTags, tagManifest } from './registryTags';

/**
 * A client of the OCI distribution specification (1.1) for one registry.
 *
 * Whatever is fetched is compared with its digest before it is returned; what
 * a registry says about digests is compared too.
 *
 * @public
 */
export class RegistryClient {
  private readonly http: RegistryHttp;

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
    return headManifest(this.http, repository, reference, signal);
  }

  /** Verified bytes of a manifest; `undefined`: there is none. */
  async getManifest(
    repository: string,
    reference: string,
    signal?: AbortSignal,
  ): Promise<FetchedManifest | undefined> {
    return getManifest(this.http, repository, reference, signal);
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
    return putManifest(
      this.http,
      repository,
      reference,
      bytes,
      mediaType,
      signal,
    );
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
    return tagManifest(this.http, repository, tag, manifest, signal);
  }

  /** The size of a blob that is there. */
  async headBlob(
    repository: string,
    digest: Digest,
    signal?: AbortSignal,
  ): Promise<{ size: number | undefined } | undefined> {
    return headBlob(this.http, repository, digest, signal);
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
    return openBlob(this.http, repository, digest, signal);
  }

  /** Verified bytes of a small blob. */
  async getBlob(
    repository: string,
    descriptor: { digest: Digest; size: number },
    options: { maxBytes: number; signal?: AbortSignal },
  ): Promise<Buffer> {
    return getBlob(this.http, repository, descriptor, options);
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
    return mountBlob(this.http, repository, fromRepository, digest, signal);
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
    return uploadBlob(this.http, repository, blob, signal);
  }

  /** All tags of a repository, following the registry's pages. */
  async listTags(repository: string, signal?: AbortSignal): Promise<string[]> {
    return listTags(this.http, repository, signal);
  }

  /** What refers to a manifest: signatures, SBOMs. */
  async listReferrers(
    repository: string,
    digest: Digest,
    options: { artifactType?: string; signal?: AbortSignal } = {},
  ): Promise<OciDescriptor[]> {
    return listReferrers(this.http, repository, digest, options);
  }

  /** See {@link pushLayout}. */
  async pushLayout(
    layout: OciLayout,
    digest: Digest,
    repository: string,
    options: PushOptions = {},
  ): Promise<PushResult> {
    return pushLayout(this.http, layout, digest, repository, options);
  }

  /** See {@link pullToLayout}. */
  async pullToLayout(
    repository: string,
    reference: string,
    layout: OciLayout,
    options: PullOptions = {},
  ): Promise<PullResult> {
    return pullToLayout(this.http, repository, reference, layout, options);
  }

  /** See {@link promote}. */
  async promote(
    fromRepository: string,
    toRepository: string,
    digest: Digest,
    options: PromoteOptions = {},
  ): Promise<void> {
    return promote(this.http, fromRepository, toRepository, digest, options);
  }
}

/** @public */
export function createRegistryClient(
  access: RegistryAccess,
  options: RegistryHttpOptions = {},
): RegistryClient {
  return new RegistryClient(access, options);
}
