import { createHash, Hash } from 'node:crypto';
import { Transform } from 'node:stream';
import { CustomErrorBase, InputError } from '@backstage/errors';
import { Digest } from '@slipway/backstage-plugin-delivery-common';

const HEX_LENGTHS: ReadonlyMap<string, number> = new Map([
  ['sha256', 64],
  ['sha512', 128],
]);

/**
 * Bytes are not what their digest says. Somebody lied or something broke; the
 * bytes must not be used.
 *
 * @public
 */
export class DigestMismatchError extends CustomErrorBase {
  name = 'DigestMismatchError' as const;
}

/** @public */
export interface ParsedDigest {
  algorithm: 'sha256' | 'sha512';
  hex: string;
}

/** Whether the text is a digest of an algorithm that is known here. @public */
export function isDigest(text: string): boolean {
  const colon = text.indexOf(':');
  const length = HEX_LENGTHS.get(text.slice(0, colon));
  const hex = text.slice(colon + 1);
  return length === hex.length && /^[0-9a-f]+$/.test(hex);
}

/**
 * The parts of a digest, safe to be used as path segments.
 *
 * Errors: `InputError` for anything but `sha256:` or `sha512:` followed by
 * the right number of lowercase hex digits.
 *
 * @public
 */
export function parseDigest(text: string): ParsedDigest {
  if (!isDigest(text)) {
    throw new InputError(
      `Invalid digest "${text.slice(
        0,
        160,
      )}": expected "sha256:" and 64 lowercase hex digits, or "sha512:" and 128`,
    );
  }
  const [algorithm, hex] = text.split(':');
  return { algorithm: algorithm === 'sha512' ? 'sha512' : 'sha256', hex };
}

/** The sha256 digest of the bytes. @public */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A hash of the digest's own algorithm, for comparing streams. @public */
export function hasherFor(digest: Digest): Hash {
  return createHash(parseDigest(digest).algorithm);
}

/**
 * Errors: `DigestMismatchError`, saying where the bytes came from.
 *
 * @public
 */
export function verifyBytes(
  bytes: Uint8Array,
  expected: { digest: Digest; size?: number },
  where: string,
): void {
  if (expected.size !== undefined && bytes.byteLength !== expected.size) {
    throw new DigestMismatchError(
      `${where} has ${bytes.byteLength} bytes where ${expected.size} were promised for ${expected.digest}`,
    );
  }
  const { algorithm, hex } = parseDigest(expected.digest);
  const found = createHash(algorithm).update(bytes).digest('hex');
  if (found !== hex) {
    throw new DigestMismatchError(
      `${where} answered bytes of digest ${algorithm}:${found} where ${expected.digest} was asked for`,
    );
  }
}

/**
 * Passes bytes on and fails at the end when they are not what was promised,
 * or at once when there are more of them. What was passed on may only be
 * used after the stream has ended well.
 *
 * @public
 */
export function createVerifier(
  expected: { digest: Digest; size?: number },
  where: string,
): Transform {
  const hash = hasherFor(expected.digest);
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      size += chunk.length;
      if (expected.size !== undefined && size > expected.size) {
        callback(
          new DigestMismatchError(
            `${where} has more than the ${expected.size} bytes that were promised for ${expected.digest}`,
          ),
        );
        return;
      }
      hash.update(chunk);
      callback(undefined, chunk);
    },
    flush(callback) {
      if (expected.size !== undefined && size !== expected.size) {
        callback(
          new DigestMismatchError(
            `${where} has ${size} bytes where ${expected.size} were promised for ${expected.digest}`,
          ),
        );
        return;
      }
      const found = hash.digest('hex');
      const { algorithm, hex } = parseDigest(expected.digest);
      callback(
        found === hex
          ? undefined
          : new DigestMismatchError(
              `${where} has bytes of digest ${algorithm}:${found} where ${expected.digest} was promised`,
            ),
      );
    },
  });
}
