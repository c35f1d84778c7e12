import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InputError, isError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';
import { createVerifier } from './digest';

/*
 * How the files of a layout come to be: under another name first, on the disk
 * for sure, then renamed. A reader sees a file whole or not at all, also after
 * a power cut.
 */

/** `undefined`: there is no such file. */
export async function sizeOfFile(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (isError(error) && error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/**
 * A reader sees the old file or the whole new one, also after a crash.
 *
 * @public
 */
export async function writeFileAtomically(
  target: string,
  bytes: Buffer | string,
): Promise<void> {
  const temporary = join(dirname(target), `.partial-${randomUUID()}`);
  await mkdir(dirname(target), { recursive: true });
  try {
    const handle = await open(temporary, 'wx', 0o644);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A finished file on the same disk gets its name. */
export async function adoptFile(
  temporary: string,
  target: string,
): Promise<void> {
  const handle = await open(temporary, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await mkdir(dirname(target), { recursive: true });
  await rename(temporary, target);
}

/**
 * Writes a stream, or a chain whose parts fail together, into a file.
 *
 * Errors: `InputError` above `maxBytes`, `DigestMismatchError` when it is not
 * what was expected; whatever was written is left to the caller.
 */
export async function writeStream(
  target: string,
  source: Readable | readonly [Readable, ...Transform[]],
  options: {
    expected?: { digest: Digest; size?: number };
    maxBytes: number;
    signal?: AbortSignal;
  },
): Promise<{ digest: Digest; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      size += chunk.length;
      if (size > options.maxBytes) {
        callback(
          new InputError(
            `A blob has more than ${options.maxBytes} bytes, which is the limit`,
          ),
        );
        return;
      }
      hash.update(chunk);
      callback(undefined, chunk);
    },
  });
  const sources: Array<Readable | Transform> =
    source instanceof Readable ? [source] : [...source];
  const stages: Transform[] = options.expected
    ? [createVerifier(options.expected, 'The stream to write'), meter]
    : [meter];
  await pipeline([...sources, ...stages, createWriteStream(target)], {
    signal: options.signal,
  });
  const digest = options.expected?.digest ?? `sha256:${hash.digest('hex')}`;
  return { digest, size };
}
