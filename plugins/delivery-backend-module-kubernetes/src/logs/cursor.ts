import { createHash } from 'node:crypto';
import { InputError } from '@backstage/errors';
import { LinePosition } from './logLine';

/*
 * Where a reader stands: the last line of each container that it has got. So it
 * means the same to every backend, and no container's late line is lost behind
 * another one's newer line.
 */

const PREFIX = 'k1';
/** The newest are kept; a query has to fit into a request. */
const MAX_CONTAINERS = 150;
const MAX_LENGTH = 8_000;

export type Cursor = Map<string, LinePosition>;

/** A short name of a container of a pod, the same on every backend. */
export function containerKey(podUid: string, container: string): string {
  return createHash('sha256')
    .update(`${podUid}/${container}`)
    .digest('base64url')
    .slice(0, 8);
}

export function formatCursor(cursor: Cursor): string {
  const entries = [...cursor]
    .sort(([, a], [, b]) => (a.ns < b.ns ? 1 : -1))
    .slice(0, MAX_CONTAINERS)
    .map(
      ([key, { ns, hash, nth }]) =>
        `${key}~${ns.toString(36)}~${hash}${nth > 0 ? `~${nth}` : ''}`,
    );
  return [PREFIX, ...entries].join('.');
}

/**
 * `0` is the beginning of everything.
 *
 * Errors: `InputError` for what is no cursor of ours.
 */
export function parseCursor(text: string): Cursor {
  const [prefix, ...entries] = text.split('.');
  const cursor: Cursor = new Map();
  if (text === '0') {
    return cursor;
  }
  if (prefix !== PREFIX || text.length > MAX_LENGTH) {
    throw notACursor(text);
  }
  for (const entry of entries) {
    const found = entry.match(
      /^([A-Za-z0-9_-]{8})~([0-9a-z]{1,14})~([0-9a-f]{6})(?:~(\d{1,6}))?$/,
    );
    if (!found) {
      throw notACursor(text);
    }
    const [, key, ns, hash, nth] = found;
    cursor.set(key, { ns: fromBase36(ns), hash, nth: Number(nth ?? 0) });
  }
  return cursor;
}

function fromBase36(text: string): bigint {
  return [...text].reduce(
    (sum, digit) => sum * 36n + BigInt(parseInt(digit, 36)),
    0n,
  );
}

function notACursor(text: string): InputError {
  return new InputError(
    `"${text.slice(
      0,
      40,
    )}" is no position in this log; send the nextOffset of an earlier answer, or 0 for its beginning`,
  );
}
