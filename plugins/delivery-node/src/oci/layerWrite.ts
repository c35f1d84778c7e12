import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { InputError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import tarStream, { Header } from 'tar-stream';
import { OciLayout } from './layout';
import { OCI_MEDIA_TYPES, OciDescriptor } from './manifest';
import { safeSegments } from './safePaths';

/** Part of every digest we make: never change it without a reason. */
const GZIP_LEVEL = 5;
const GZIP_OS_BYTE = 9;
const GZIP_OS_UNKNOWN = 255;
const SMALL_FILE_BYTES = 1024 * 1024;
const READ_AHEAD_FILES = 16;
const BATCH_BYTES = 256 * 1024;

/** One thing in a layer. Modes are set here, not taken from the disk. @public */
export type LayerEntry = {
  /** Relative to the image's root, without a leading slash. */
  path: string;
  uid?: number;
  gid?: number;
  mode?: number;
} & (
  | { type: 'directory' }
  | { type: 'symlink'; target: string }
  | { type: 'file'; bytes: Buffer }
  | { type: 'file'; file: string; size: number }
);

/** @public */
export interface WrittenLayer {
  descriptor: OciDescriptor;
  /** Digest of the uncompressed archive, for the image's configuration. */
  diffId: Digest;
}

function compareBytes(a: LayerEntry, b: LayerEntry): number {
  return Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));
}

/**
 * Entries in byte order, each folder before what it holds, each path once.
 * Folders of lower layers are left out, so that they keep their modes.
 */
function prepare(
  entries: readonly LayerEntry[],
  isLowerFolder: (path: string) => boolean,
): LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const segments = safeSegments(entry.path, 'A layer to write');
    if (segments.length === 0) {
      continue;
    }
    segments.slice(0, -1).forEach((_segment, index) => {
      const path = segments.slice(0, index + 1).join('/');
      if (!byPath.has(path) && !isLowerFolder(path)) {
        byPath.set(path, { type: 'directory', path });
      }
    });
    const path = segments.join('/');
    byPath.set(path, { ...entry, path });
  }
  return [...byPath.values()].sort(compareBytes);
}

/** What the writer of archives needs to be told. */
type WritableHeader = Partial<Header> & { name: string };

function headerOf(entry: LayerEntry, mtime: Date): WritableHeader {
  const common = {
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    uname: '',
    gname: '',
    mtime,
  };
  if (entry.type === 'directory') {
    return {
      ...common,
      name: `${entry.path}/`,
      type: 'directory',
      mode: entry.mode ?? 0o755,
    };
  }
  if (entry.type === 'symlink') {
    return {
      ...common,
      name: entry.path,
      type: 'symlink',
      linkname: entry.target,
      mode: 0o777,
    };
  }
  return {
    ...common,
    name: entry.path,
    type: 'file',
    mode: entry.mode ?? 0o644,
    size: 'bytes' in entry ? entry.bytes.length : entry.size,
  };
}

async function readWhole(file: string, size: number): Promise<Buffer> {
  const bytes = await readFile(file);
  if (bytes.length !== size) {
    throw new InputError(
      `${file} changed while it was being packed: ${size} bytes before, ${bytes.length} now`,
    );
  }
  return bytes;
}

/** Small files are read before their turn, some at once. */
class Reader {
  private readonly ahead = new Map<LayerEntry, Promise<Buffer>>();
  private next = 0;

  constructor(private readonly entries: readonly LayerEntry[]) {}

  async read(entry: LayerEntry): Promise<Buffer | undefined> {
    while (
      this.next < this.entries.length &&
      this.ahead.size < READ_AHEAD_FILES
    ) {
      const found = this.entries[this.next];
      this.next += 1;
      if (found.type === 'file' && 'file' in found && isSmall(found)) {
        const reading = readWhole(found.file, found.size);
        // An error is told when it is the file's turn, not before.
        reading.catch(() => undefined);
        this.ahead.set(found, reading);
      }
    }
    const known = this.ahead.get(entry);
    this.ahead.delete(entry);
    return known;
  }
}

function isSmall(entry: { size: number }): boolean {
  return entry.size <= SMALL_FILE_BYTES;
}

/** Few big pieces are compressed much faster than many small ones. */
function createBatcher(): Transform {
  let pieces: Buffer[] = [];
  let size = 0;
  const take = () => {
    const batch = Buffer.concat(pieces, size);
    pieces = [];
    size = 0;
    return batch;
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      pieces.push(chunk);
      size += chunk.length;
      callback(undefined, size >= BATCH_BYTES ? take() : undefined);
    },
    flush(callback) {
      callback(undefined, size > 0 ? take() : undefined);
    },
  });
}

async function addEntry(
  pack: tarStream.Pack,
  entry: LayerEntry,
  reader: Reader,
  mtime: Date,
): Promise<void> {
  const header = headerOf(entry, mtime);
  if (entry.type === 'file' && 'file' in entry && !isSmall(entry)) {
    await pipeline(createReadStream(entry.file), pack.entry(header));
    return;
  }
  const bytes =
    entry.type === 'file' && 'bytes' in entry
      ? entry.bytes
      : await reader.read(entry);
  await new Promise<void>((resolve, reject) => {
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    if (bytes) {
      pack.entry(header, bytes, done);
    } else {
      pack.entry(header, done);
    }
  });
}

/** The same compressed bytes on every operating system. */
function createSystemEraser(): Transform {
  let position = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      let out = chunk;
      const index = GZIP_OS_BYTE - position;
      if (index >= 0 && index < chunk.length) {
        out = Buffer.from(chunk);
        out[index] = GZIP_OS_UNKNOWN;
      }
      position += chunk.length;
      callback(undefined, out);
    },
  });
}

/**
 * Writes a layer whose bytes depend on nothing but the entries and the time:
 * sorted, owned by 0 unless said otherwise, one time for everything, no time
 * in the compression's header.
 *
 * Errors: `InputError` for names that lead out and files that change
 * meanwhile.
 *
 * @public
 */
export async function writeLayer(
  layout: OciLayout,
  entries: readonly LayerEntry[],
  options: {
    mtimeSeconds: number;
    maxBytes: number;
    signal?: AbortSignal;
    /** Whether a lower layer has this folder already. */
    isLowerFolder?: (path: string) => boolean;
  },
): Promise<WrittenLayer> {
  const sorted = prepare(entries, options.isLowerFolder ?? (() => false));
  const mtime = new Date(options.mtimeSeconds * 1000);
  const reader = new Reader(sorted);
  const pack = tarStream.pack();
  const diffHash = createHash('sha256');
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      diffHash.update(chunk);
      callback(undefined, chunk);
    },
  });
  const filling = (async () => {
    for (const entry of sorted) {
      options.signal?.throwIfAborted();
      await addEntry(pack, entry, reader, mtime);
    }
    pack.finalize();
  })().catch(error => {
    pack.destroy(error);
    throw error;
  });
  const writing = layout.writeBlobStream(
    [
      Readable.from(pack),
      createBatcher(),
      tap,
      createGzip({ level: GZIP_LEVEL }),
      createSystemEraser(),
    ],
    { maxBytes: options.maxBytes, signal: options.signal },
  );
  const [written] = await Promise.all([writing, filling]);
  return {
    descriptor: { mediaType: OCI_MEDIA_TYPES.layerGzip, ...written },
    diffId: `sha256:${diffHash.digest('hex')}`,
  };
}
