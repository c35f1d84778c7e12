import { Readable, Transform } from 'node:stream';
import zlib from 'node:zlib';
import { InputError, isError } from '@backstage/errors';
import tarStream, { Header } from 'tar-stream';

/**
 * What unpacking may use up, shared by all layers of one image: the numbers
 * go down as bytes and entries come.
 *
 * @public
 */
export interface UnpackBudget {
  /** Uncompressed bytes, archive headers included. */
  bytes: number;
  entries: number;
}

/** @public */
export function createUnpackBudget(
  limits: { maxBytes?: number; maxEntries?: number } = {},
): UnpackBudget {
  return {
    bytes: limits.maxBytes ?? 4 * 1024 ** 3,
    entries: limits.maxEntries ?? 300_000,
  };
}

function decompressorFor(mediaType: string, where: string): Transform[] {
  if (/[+.]gzip$/.test(mediaType)) {
    return [zlib.createGunzip()];
  }
  if (mediaType.endsWith('+zstd')) {
    if (typeof zlib.createZstdDecompress !== 'function') {
      throw new InputError(
        `${where} is compressed by zstd, which this Node does not read; Node 22.15 or later does`,
      );
    }
    return [zlib.createZstdDecompress()];
  }
  if (mediaType.endsWith('.tar')) {
    return [];
  }
  throw new InputError(
    `${where} has the media type "${mediaType}"; expected a tar layer, plain, gzip or zstd`,
  );
}

function createMeter(budget: UnpackBudget, where: string): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      budget.bytes -= chunk.length;
      if (budget.bytes < 0) {
        callback(
          new InputError(
            `${where} unpacks to more bytes than are allowed for an image`,
          ),
        );
        return;
      }
      callback(undefined, chunk);
    },
  });
}

/** The tar reader has a kind of stream of its own. */
type EntryStream = ReturnType<typeof tarStream.extract> extends AsyncIterable<
  infer Entry
>
  ? Entry
  : never;

/**
 * The bytes of one entry. To stop reading an entry stops the whole archive in
 * the tar reader; here the rest is skipped and the archive goes on.
 */
function detachableBody(entry: EntryStream): Readable {
  const body = new Readable({
    read() {
      entry.resume();
    },
    destroy(error, callback) {
      entry.resume();
      callback(error);
    },
  });
  entry.on('data', chunk => {
    if (!body.destroyed && !body.push(chunk)) {
      entry.pause();
    }
  });
  entry.on('end', () => body.destroyed || body.push(null));
  entry.on('error', error => body.destroy(error));
  return body;
}

/**
 * Calls `onEntry` for each entry of a layer's archive, in its order, within
 * the budget. What `onEntry` leaves unread of an entry is skipped.
 *
 * Errors: `InputError` for a broken archive or one that is too big; whatever
 * the source or `onEntry` throws.
 *
 * @public
 */
export async function readLayer(
  source: Readable,
  options: {
    mediaType: string;
    budget: UnpackBudget;
    where: string;
    signal?: AbortSignal;
  },
  onEntry: (header: Header, body: Readable) => Promise<void>,
): Promise<void> {
  const { budget, where, signal } = options;
  const extract = tarStream.extract();
  const stages = [
    ...decompressorFor(options.mediaType, where),
    createMeter(budget, where),
  ];
  let failure: unknown;
  let stream: Readable = source;
  const fail = (error: unknown) => {
    failure = failure ?? error;
    extract.destroy(error instanceof Error ? error : new Error(String(error)));
  };
  source.on('error', fail);
  for (const stage of stages) {
    stage.on('error', error =>
      fail(
        error instanceof InputError
          ? error
          : new InputError(`${where} cannot be decompressed`, error),
      ),
    );
    stream = stream.pipe(stage);
  }
  const onAbort = () =>
    fail(signal?.reason ?? new Error('Reading a layer was aborted'));
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) {
    onAbort();
  }
  try {
    stream.pipe(extract);
    for await (const entry of extract) {
      budget.entries -= 1;
      if (budget.entries < 0) {
        throw new InputError(
          `${where} has more entries than are allowed for an image`,
        );
      }
      const body = detachableBody(entry);
      await onEntry(entry.header, body);
      body.destroy();
      entry.resume();
    }
    if (!failure && !source.readableEnded) {
      throw new Error(`${where} was not read to its end`);
    }
  } catch (error) {
    throw failure ?? wrapArchiveError(error, where);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    source.destroy();
    stages.forEach(stage => stage.destroy());
  }
  if (failure) {
    throw failure;
  }
}

function wrapArchiveError(error: unknown, where: string): unknown {
  // The tar reader has no error class of its own: these are its messages.
  if (
    isError(error) &&
    /invalid tar header|unexpected end of data|header exceeds|invalid header/i.test(
      error.message,
    )
  ) {
    return new InputError(`${where} is not a readable tar archive`, error);
  }
  return error;
}
