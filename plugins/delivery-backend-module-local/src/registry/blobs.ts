import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import {
  isDigest,
  isRepositoryName,
} from '@slipway/backstage-plugin-delivery-node';
import { RegistryError } from './errors';
import { answer, Exchange, notAllowed } from './exchange';
import { RegistryStorage } from './storage';
import { formatRange, parseContentRange, Uploads } from './uploads';

/** Pulling, pushing, mounting and deleting of blobs. */
export class BlobHandlers {
  constructor(
    private readonly storage: RegistryStorage,
    private readonly uploads: Uploads,
  ) {}

  async blob(
    exchange: Exchange,
    repository: string,
    digest: string,
  ): Promise<void> {
    const size = await this.storage.blobSize(repository, digest);
    if (size === undefined) {
      throw new RegistryError(
        404,
        'BLOB_UNKNOWN',
        `Repository ${repository} has no blob ${digest}`,
      );
    }
    switch (exchange.method) {
      case 'HEAD':
      case 'GET':
        await this.sendBlob(exchange, digest, size);
        return;
      case 'DELETE':
        await this.storage.unlinkBlob(repository, digest);
        answer(exchange, 202);
        return;
      default:
        throw notAllowed(exchange.method);
    }
  }

  private async sendBlob(
    exchange: Exchange,
    digest: string,
    size: number,
  ): Promise<void> {
    const { request, response, method } = exchange;
    const common = {
      'content-type': 'application/octet-stream',
      'docker-content-digest': digest,
      'accept-ranges': 'bytes',
      etag: `"${digest}"`,
    };
    const range = /^bytes=([0-9]*)-([0-9]*)$/.exec(request.headers.range ?? '');
    let start = 0;
    let end = size - 1;
    if (range && (range[1] || range[2])) {
      start = range[1]
        ? Number(range[1])
        : Math.max(0, size - Number(range[2]));
      end = range[1] && range[2] ? Math.min(Number(range[2]), end) : end;
      if (start > end) {
        throw new RegistryError(
          416,
          'SIZE_INVALID',
          `The blob has ${size} bytes`,
          { 'content-range': `bytes */${size}` },
        );
      }
      response.writeHead(206, {
        ...common,
        'content-length': end - start + 1,
        'content-range': `bytes ${start}-${end}/${size}`,
      });
    } else {
      response.writeHead(200, { ...common, 'content-length': size });
    }
    if (method === 'HEAD' || size === 0) {
      response.end();
      return;
    }
    await pipeline(
      createReadStream(this.storage.blobPath(digest), { start, end }),
      response,
    );
  }

  /** POST: a new session, a mount, or a whole blob at once. */
  async begin(exchange: Exchange, repository: string): Promise<void> {
    const { method, query } = exchange;
    if (method !== 'POST') {
      throw notAllowed(method);
    }
    const mount = query.get('mount');
    if (mount && (await this.mount(repository, mount, query.get('from')))) {
      answer(exchange, 201, this.blobHeaders(repository, mount));
      return;
    }
    const algorithm = query.get('digest-algorithm');
    if (algorithm && !['sha256', 'sha512'].includes(algorithm)) {
      throw new RegistryError(
        400,
        'DIGEST_INVALID',
        'The digest algorithms sha256 and sha512 are supported',
      );
    }
    const digest = query.get('digest');
    if (digest && !isDigest(digest)) {
      throw new RegistryError(400, 'DIGEST_INVALID', 'Not a valid digest');
    }
    const id = await this.uploads.begin(repository);
    if (digest) {
      await this.complete(exchange, repository, id, digest);
      return;
    }
    answer(exchange, 202, this.uploadHeaders(repository, id, 0));
  }

  private async mount(
    repository: string,
    digest: string,
    from: string | null,
  ): Promise<boolean> {
    if (!isDigest(digest)) {
      throw new RegistryError(400, 'DIGEST_INVALID', 'Not a valid digest');
    }
    if (from !== null && !isRepositoryName(from)) {
      throw new RegistryError(
        400,
        'NAME_INVALID',
        'The repository to mount from has no valid name',
      );
    }
    const isThere =
      from === null
        ? await this.storage.hasBlobAnywhere(digest)
        : (await this.storage.blobSize(from, digest)) !== undefined;
    if (isThere) {
      await this.storage.linkBlob(repository, digest);
    }
    return isThere;
  }

  /** The methods of one session. */
  async upload(
    exchange: Exchange,
    repository: string,
    id: string,
  ): Promise<void> {
    const { request, method, query } = exchange;
    switch (method) {
      case 'GET': {
        const size = await this.uploads.size(repository, id);
        answer(exchange, 204, this.uploadHeaders(repository, id, size));
        return;
      }
      case 'DELETE':
        await this.uploads.size(repository, id);
        await this.uploads.cancel(id);
        answer(exchange, 204);
        return;
      case 'PATCH': {
        const size = await this.uploads.append(
          repository,
          id,
          request,
          parseContentRange(request.headers['content-range']),
          this.uploadLocation(repository, id),
        );
        answer(exchange, 202, this.uploadHeaders(repository, id, size));
        return;
      }
      case 'PUT': {
        const digest = query.get('digest');
        if (!digest || !isDigest(digest)) {
          throw new RegistryError(
            400,
            'DIGEST_INVALID',
            'An upload ends with a PUT that names the digest',
          );
        }
        await this.complete(exchange, repository, id, digest);
        return;
      }
      default:
        throw notAllowed(method);
    }
  }

  private async complete(
    exchange: Exchange,
    repository: string,
    id: string,
    digest: string,
  ): Promise<void> {
    const { request } = exchange;
    await this.uploads.append(
      repository,
      id,
      request,
      request.headers['content-length'] === '0'
        ? undefined
        : parseContentRange(request.headers['content-range']),
      this.uploadLocation(repository, id),
    );
    const file = await this.uploads.finish(id, digest);
    await this.storage.adoptBlob(repository, digest, file);
    await this.uploads.cancel(id);
    answer(exchange, 201, this.blobHeaders(repository, digest));
  }

  private blobHeaders(repository: string, digest: string) {
    return {
      location: `/v2/${repository}/blobs/${digest}`,
      'docker-content-digest': digest,
    };
  }

  private uploadLocation(repository: string, id: string): string {
    return `/v2/${repository}/blobs/uploads/${id}`;
  }

  private uploadHeaders(repository: string, id: string, size: number) {
    return {
      location: this.uploadLocation(repository, id),
      range: formatRange(size),
      'docker-upload-uuid': id,
    };
  }
}
