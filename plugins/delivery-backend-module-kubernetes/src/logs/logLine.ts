import { createHash } from 'node:crypto';

const MAX_TEXT = 16_384;

/** One line of a container, as the kubelet gives it with `timestamps`. */
export interface ContainerLine extends LinePosition {
  atMs: number;
  text: string;
}

/**
 * Names a line within its container. Runtimes give a time to each line, to the
 * nanosecond, and times need not be different or in order: so the text's hash
 * and a count of equal lines of the same moment belong to it.
 */
export interface LinePosition {
  /** Nanoseconds since 1970. */
  ns: bigint;
  hash: string;
  /** How many equal lines of this moment came before. */
  nth: number;
}

export function samePosition(a: LinePosition, b: LinePosition): boolean {
  return a.ns === b.ns && a.hash === b.hash && a.nth === b.nth;
}

/**
 * Reads `2026-11-24T10:00:00.123456789Z text`. `undefined` for a line without a
 * time: it is no line of the container but a complaint of the kubelet's.
 */
export function parseLine(
  line: string,
  before: LinePosition | undefined,
): ContainerLine | undefined {
  const space = line.indexOf(' ');
  const stamp = space < 0 ? line : line.slice(0, space);
  const ns = parseTime(stamp);
  if (ns === undefined) {
    return undefined;
  }
  const text = line.slice(stamp.length + 1);
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 6);
  return {
    ns,
    hash,
    nth: before?.ns === ns && before.hash === hash ? before.nth + 1 : 0,
    atMs: Number(ns / 1_000_000n),
    // A carriage return of a terminal's line end is no part of the text.
    text: text.slice(0, MAX_TEXT).replace(/\r$/, ''),
  };
}

function parseTime(stamp: string): bigint | undefined {
  const found = stamp.match(
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/,
  );
  if (!found) {
    return undefined;
  }
  const [, seconds, fraction = '', zone] = found;
  const ms = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(ms)
    ? undefined
    : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** `sinceTime` of a log request: whole seconds, which is all that the API server passes on. */
export function sinceTime(ns: bigint): string {
  return new Date(Number(ns / 1_000_000_000n) * 1_000)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z');
}
