import { Readable } from 'node:stream';
import { InputError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { DigestMismatchError, parseDigest, verifyBytes } from './digest';
import { pullScope, pushScope, readWithStallLimit } from './registryAnswers';
import { RegistryHttp } from './registryHttp';
import { blobUrl, checkedRepository, uploadsUrl } from './registryUrls';

/** A blob of known digest that can be read as often as needed. @public */
export interface BlobSource {
  digest: Digest;
  size: number;
  open(): Readable;
}

export async function headBlob(
  http: RegistryHttp,
  repository: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<{ size: number | undefined } | undefined> {
  const response = await http.send({
    method: 'HEAD',
    url: blobUrl(http, repository, digest),
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

export async function openBlob(
  http: RegistryHttp,
  repository: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Readable> {
  const response = await http.send({
    method: 'GET',
    url: blobUrl(http, repository, digest),
    scope: pullScope(repository),
    accept: [200],
    signal,
  });
  return Readable.from(
    readWithStallLimit(
      response,
      http.stallTimeoutMs,
      `Registry ${http.access.host}, blob ${digest} of ${repository},`,
    ),
    { objectMode: false },
  );
}

export async function getBlob(
  http: RegistryHttp,
  repository: string,
  descriptor: { digest: Digest; size: number },
  options: { maxBytes: number; signal?: AbortSignal },
): Promise<Buffer> {
  if (descriptor.size > options.maxBytes) {
    throw new InputError(
      `Blob ${descriptor.digest} of ${repository} has ${descriptor.size} bytes; at most ${options.maxBytes} were expected here`,
    );
  }
  const where = `Registry ${http.access.host}, blob of ${repository},`;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of await openBlob(
    http,
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

export async function mountBlob(
  http: RegistryHttp,
  repository: string,
  fromRepository: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<boolean> {
  parseDigest(digest);
  const url = uploadsUrl(http, repository);
  url.searchParams.set('mount', digest);
  url.searchParams.set('from', checkedRepository(fromRepository));
  const response = await http.send({
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
    const cancelled = await http.send({
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

export async function uploadBlob(
  http: RegistryHttp,
  repository: string,
  blob: BlobSource,
  signal?: AbortSignal,
): Promise<'there' | 'uploaded'> {
  if (await headBlob(http, repository, blob.digest, signal)) {
    return 'there';
  }
  const start = uploadsUrl(http, repository);
  const begun = await http.send({
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
      `Registry ${http.access.host} began an upload to ${repository} without naming its place`,
    );
  }
  // Relative or absolute, with query parameters of the registry's own.
  const url = new URL(location, start);
  url.searchParams.set('digest', blob.digest);
  const done = await http.send({
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
      `Registry ${http.access.host} took the blob ${
        blob.digest
      } of ${repository} as "${claimed.slice(0, 160)}"`,
    );
  }
  return 'uploaded';
}
