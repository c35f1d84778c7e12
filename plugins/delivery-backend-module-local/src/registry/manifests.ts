import { createHash } from 'node:crypto';
import { InputError } from '@backstage/errors';
import {
  digestOf,
  isDigest,
  isTag,
  MANIFEST_MAX_BYTES,
  OCI_MEDIA_TYPES,
  OciDescriptor,
  OciIndex,
  OciManifest,
  parseDigest,
  parseManifest,
  referrerDescriptor,
} from '@slipway/backstage-plugin-delivery-node';
import { RegistryError } from './errors';
import {
  answer,
  Exchange,
  nextLink,
  notAllowed,
  readRequest,
} from './exchange';
import { RegistryStorage, StoredManifest } from './storage';

const MAX_PAGE = 1000;
const MAX_TAGS_PER_PUT = 10;

function parseOrRefuse(bytes: Buffer): OciManifest | OciIndex {
  try {
    return parseManifest(bytes, 'The manifest');
  } catch (error) {
    if (error instanceof InputError) {
      throw new RegistryError(400, 'MANIFEST_INVALID', error.message);
    }
    throw error;
  }
}

function isDistributable(layer: OciDescriptor): boolean {
  return !/nondistributable|foreign/.test(layer.mediaType);
}

/** Manifests, tags and referrers. */
export class ManifestHandlers {
  constructor(private readonly storage: RegistryStorage) {}

  async manifest(
    exchange: Exchange,
    repository: string,
    reference: string,
  ): Promise<void> {
    switch (exchange.method) {
      case 'GET':
      case 'HEAD': {
        const { bytes, digest, mediaType } = await this.find(
          repository,
          reference,
        );
        answer(
          exchange,
          200,
          {
            'content-type': mediaType,
            'content-length': bytes.length,
            'docker-content-digest': digest,
            etag: `"${digest}"`,
          },
          bytes,
        );
        return;
      }
      case 'PUT':
        await this.put(exchange, repository, reference);
        return;
      case 'DELETE':
        await this.delete(exchange, repository, reference);
        return;
      default:
        throw notAllowed(exchange.method);
    }
  }

  private async find(
    repository: string,
    reference: string,
  ): Promise<StoredManifest> {
    const digest = isDigest(reference)
      ? reference
      : await this.storage.tag(repository, reference);
    const found =
      digest && (await this.storage.getManifest(repository, digest));
    if (!found) {
      throw new RegistryError(
        404,
        'MANIFEST_UNKNOWN',
        `Repository ${repository} has no manifest ${reference}`,
      );
    }
    return found;
  }

  private async put(
    exchange: Exchange,
    repository: string,
    reference: string,
  ): Promise<void> {
    const { request, query } = exchange;
    const bytes = await readRequest(exchange, MANIFEST_MAX_BYTES);
    const manifest = parseOrRefuse(bytes);
    const digest = isDigest(reference) ? reference : digestOf(bytes);
    const { algorithm, hex } = parseDigest(digest);
    if (createHash(algorithm).update(bytes).digest('hex') !== hex) {
      throw new RegistryError(
        400,
        'DIGEST_INVALID',
        `The manifest does not have the digest ${digest}`,
      );
    }
    const mediaType =
      request.headers['content-type']?.split(';')[0].trim() ||
      manifest.mediaType;
    const tags = this.wantedTags(reference, query);
    await this.checkContent(repository, manifest);
    const { subject } = manifest;
    await this.storage.putManifest(
      repository,
      { bytes, digest, mediaType },
      subject && {
        subject: subject.digest,
        descriptor: referrerDescriptor(manifest, bytes, digest, mediaType),
      },
    );
    for (const tag of tags) {
      await this.storage.putTag(repository, tag, digest);
    }
    answer(exchange, 201, {
      location: `/v2/${repository}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(subject && { 'oci-subject': subject.digest }),
      ...(isDigest(reference) && tags.length > 0 && { 'oci-tag': tags }),
    });
  }

  private wantedTags(reference: string, query: URLSearchParams): string[] {
    const tags = isDigest(reference) ? query.getAll('tag') : [reference];
    if (tags.length > MAX_TAGS_PER_PUT) {
      throw new RegistryError(
        414,
        'MANIFEST_INVALID',
        `At most ${MAX_TAGS_PER_PUT} tags are set at once`,
      );
    }
    if (!tags.every(isTag)) {
      throw new RegistryError(400, 'MANIFEST_INVALID', 'A tag is not valid');
    }
    return tags;
  }

  /** A manifest is only taken when all that it names is here already. */
  private async checkContent(
    repository: string,
    manifest: OciManifest | OciIndex,
  ): Promise<void> {
    const missing = (digest: string) =>
      new RegistryError(
        404,
        'MANIFEST_BLOB_UNKNOWN',
        `Repository ${repository} has no ${digest}, which the manifest names; push it first`,
      );
    if (manifest.kind === 'index') {
      for (const { digest } of manifest.manifests) {
        if (!(await this.storage.getManifest(repository, digest))) {
          throw missing(digest);
        }
      }
      return;
    }
    const blobs = [manifest.config, ...manifest.layers.filter(isDistributable)];
    for (const { digest } of blobs) {
      if ((await this.storage.blobSize(repository, digest)) === undefined) {
        throw missing(digest);
      }
    }
  }

  /** A tag alone, or a manifest with all its tags. */
  private async delete(
    exchange: Exchange,
    repository: string,
    reference: string,
  ): Promise<void> {
    const { bytes, digest } = await this.find(repository, reference);
    if (isDigest(reference)) {
      const { subject } = parseOrRefuse(bytes);
      await this.storage.deleteManifest(repository, digest, subject?.digest);
    } else {
      await this.storage.deleteTag(repository, reference);
    }
    answer(exchange, 202);
  }

  async tags(exchange: Exchange, repository: string): Promise<void> {
    const { method, query } = exchange;
    if (method !== 'GET' && method !== 'HEAD') {
      throw notAllowed(method);
    }
    if (!(await this.storage.hasRepository(repository))) {
      throw new RegistryError(
        404,
        'NAME_UNKNOWN',
        `There is no repository ${repository}`,
      );
    }
    const last = query.get('last');
    const wanted = query.get('n');
    const limit =
      wanted !== null && /^[0-9]+$/.test(wanted)
        ? Math.min(Number(wanted), MAX_PAGE)
        : MAX_PAGE;
    const all = (await this.storage.tags(repository)).filter(
      tag => last === null || tag > last,
    );
    const tags = all.slice(0, limit);
    const isCut = tags.length > 0 && tags.length < all.length;
    answer(
      exchange,
      200,
      {
        'content-type': 'application/json',
        ...(isCut &&
          nextLink(`/v2/${repository}/tags/list`, {
            n: String(limit),
            last: tags[tags.length - 1],
          })),
      },
      JSON.stringify({ name: repository, tags }),
    );
  }

  async referrers(
    exchange: Exchange,
    repository: string,
    subject: string,
  ): Promise<void> {
    const { method, query } = exchange;
    if (method !== 'GET' && method !== 'HEAD') {
      throw notAllowed(method);
    }
    const artifactType = query.get('artifactType');
    const last = query.get('last');
    const all = (await this.storage.referrers(repository, subject)).filter(
      referrer =>
        (!artifactType || referrer.artifactType === artifactType) &&
        (last === null || referrer.digest > last),
    );
    const manifests = all.slice(0, MAX_PAGE);
    answer(
      exchange,
      200,
      {
        'content-type': OCI_MEDIA_TYPES.index,
        ...(artifactType && { 'oci-filters-applied': 'artifactType' }),
        ...(manifests.length < all.length &&
          nextLink(`/v2/${repository}/referrers/${subject}`, {
            ...(artifactType && { artifactType }),
            last: manifests[manifests.length - 1].digest,
          })),
      },
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MEDIA_TYPES.index,
        manifests,
      }),
    );
  }
}
