import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseDigest } from '@slipway/backstage-plugin-delivery-node';
import { RegistryError } from './errors';
import { namesIn, readIfThere, statIfThere } from './files';

const UPLOAD_MAX_AGE_MS = 24 * 60 * 60 * 1000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Blobs on their way in. A session is a folder with the bytes so far and the
 * name of its repository; it survives a restart.
 */
export class Uploads {
  private readonly busy = new Set<string>();

  constructor(private readonly directory: string) {}

  async begin(repository: string): Promise<string> {
    const id = randomUUID();
    await mkdir(this.path(id), { recursive: true });
    await writeFile(join(this.path(id), 'data'), '');
    await writeFile(join(this.path(id), 'repository'), repository);
    return id;
  }

  /** Errors: `BLOB_UPLOAD_UNKNOWN`. */
  async size(repository: string, id: string): Promise<number> {
    const owner = UUID.test(id)
      ? await readIfThere(join(this.path(id), 'repository'))
      : undefined;
    if (owner?.toString('utf8') !== repository) {
      throw new RegistryError(
        404,
        'BLOB_UPLOAD_UNKNOWN',
        `Repository ${repository} has no upload of this name; it may be finished or cancelled`,
      );
    }
    return (await stat(join(this.path(id), 'data'))).size;
  }

  /**
   * Adds bytes. A chunk that breaks off is taken back, so that what the
   * session says it has are whole chunks.
   *
   * Errors: 416 when `range` does not begin where the session ends.
   */
  async append(
    repository: string,
    id: string,
    body: Readable,
    range: { start: number; end: number } | undefined,
    location: string,
  ): Promise<number> {
    const before = await this.size(repository, id);
    if (this.busy.has(id)) {
      throw new RegistryError(
        409,
        'BLOB_UPLOAD_INVALID',
        'Another request is writing to this upload; wait for it to end',
      );
    }
    this.busy.add(id);
    try {
      if (range && range.start !== before) {
        throw new RegistryError(
          416,
          'BLOB_UPLOAD_INVALID',
          `The chunk begins at ${range.start}; expected ${before}`,
          { location, range: formatRange(before) },
        );
      }
      const file = join(this.path(id), 'data');
      try {
        await pipeline(body, createWriteStream(file, { flags: 'a' }));
      } catch (error) {
        await truncate(file, before);
        throw error;
      }
      const after = (await stat(file)).size;
      if (range && after - before !== range.end - range.start + 1) {
        await truncate(file, before);
        throw new RegistryError(
          400,
          'SIZE_INVALID',
          `The chunk has ${after - before} bytes; its range says ${
            range.end - range.start + 1
          }`,
        );
      }
      return after;
    } finally {
      this.busy.delete(id);
    }
  }

  /**
   * The file with the session's bytes, verified and on the disk, to be moved
   * away; call {@link Uploads.cancel} afterwards.
   *
   * Errors: `DIGEST_INVALID` when the bytes are others.
   */
  async finish(id: string, digest: string): Promise<string> {
    const file = join(this.path(id), 'data');
    const { algorithm, hex } = parseDigest(digest);
    const hash = createHash(algorithm);
    await pipeline(createReadStream(file), hash);
    const found = hash.digest('hex');
    if (found !== hex) {
      throw new RegistryError(
        400,
        'DIGEST_INVALID',
        `The bytes have the digest ${algorithm}:${found}; ${digest} was promised`,
      );
    }
    const handle = await open(file, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    return file;
  }

  async cancel(id: string): Promise<void> {
    await rm(this.path(id), { recursive: true, force: true });
  }

  /** Throws away sessions that nobody finished. */
  async removeStale(nowMs: number): Promise<void> {
    for (const id of await namesIn(this.directory)) {
      const found = await statIfThere(this.path(id));
      if (found && nowMs - found.mtimeMs > UPLOAD_MAX_AGE_MS) {
        await this.cancel(id);
      }
    }
  }

  private path(id: string): string {
    return join(this.directory, id);
  }
}

/** What the session has; the specification writes "nothing yet" as `0-0`. */
export function formatRange(size: number): string {
  return `0-${Math.max(0, size - 1)}`;
}

/** Reads `Content-Range: <start>-<end>`. Errors: 416 for anything else. */
export function parseContentRange(
  header: string | undefined,
): { start: number; end: number } | undefined {
  if (header === undefined) {
    return undefined;
  }
  const match =
    /^(?:bytes[ =])?([0-9]{1,15})-([0-9]{1,15})(?:\/(?:\*|[0-9]+))?$/.exec(
      header,
    );
  const start = Number(match?.[1]);
  const end = Number(match?.[2]);
  if (!match || end < start) {
    throw new RegistryError(
      416,
      'BLOB_UPLOAD_INVALID',
      'Content-Range must be <first byte>-<last byte>',
    );
  }
  return { start, end };
}
