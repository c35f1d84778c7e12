import {
  LogLine,
  LogNovelty,
  LogNoveltyLine,
} from '@slipway/backstage-plugin-delivery-common';
import {
  isContinuation,
  isErrorLike,
  isServerError,
  messageOf,
} from './errorLike';
import { templateOf } from './template';

/** Kinds of lines that are shown. */
const MAX_KINDS = 10;
/** Lines of a stack that stay with the line above them. */
const MAX_CONTINUATIONS = 6;
const MAX_TEXT_LENGTH = 800;
/** Of each log; what is older is left out. */
const MAX_COMPARED = 5_000;

interface Kind extends LogNoveltyLine {
  continued: number;
}

/**
 * The error-like lines that the candidate writes and stable does not, by kind:
 * the most frequent first, the later one first among equals. Stable is compared
 * with everything that it says, not only with what looks like an error there.
 *
 * Pure and bounded: at most the newest 5,000 lines of each, 10 kinds.
 */
export function newInCanary(options: {
  candidate: readonly LogLine[];
  stable: readonly LogLine[];
  nowMs: number;
}): LogNovelty {
  const { nowMs } = options;
  const isOutput = (line: LogLine) => line.stream !== 'system';
  const candidate = options.candidate.filter(isOutput).slice(-MAX_COMPARED);
  const stable = options.stable.filter(isOutput).slice(-MAX_COMPARED);
  const known = new Set(stable.map(({ text }) => kindOf(text)));
  const kinds = new Map<string, Kind>();
  /** By instance: lines of several instances come interleaved. */
  const open = new Map<string, Kind>();
  for (const line of candidate) {
    const source = `${line.instance ?? ''} ${line.stream ?? ''}`;
    const begun = open.get(source);
    if (isContinuation(line.text)) {
      if (begun && begun.continued < MAX_CONTINUATIONS) {
        begun.continued += 1;
        begun.text = `${begun.text}\n${line.text}`.slice(0, MAX_TEXT_LENGTH);
      }
      continue;
    }
    open.delete(source);
    if (!isErrorLike(line)) {
      continue;
    }
    const template = kindOf(line.text);
    if (template === '' || known.has(template)) {
      continue;
    }
    const before = kinds.get(template);
    const kind: Kind = {
      text: line.text.slice(0, MAX_TEXT_LENGTH),
      count: (before?.count ?? 0) + 1,
      firstAtMs: before?.firstAtMs ?? line.atMs,
      lastAtMs: line.atMs,
      ...(line.instance ? { instance: line.instance } : {}),
      continued: 0,
    };
    kinds.set(template, kind);
    open.set(source, kind);
  }
  const ordered = [...kinds.values()].sort(
    (a, b) => b.count - a.count || b.lastAtMs - a.lastAtMs,
  );
  return {
    atMs: nowMs,
    lines: ordered
      .slice(0, MAX_KINDS)
      .map(({ continued: _continued, ...line }) => line),
    more: Math.max(0, ordered.length - MAX_KINDS),
    compared: { candidate: candidate.length, stable: stable.length },
  };
}

/** An answer of 500 is another kind of news than one of 200. */
function kindOf(text: string): string {
  const template = templateOf(messageOf(text));
  return isServerError(text) ? `${template} <5xx>` : template;
}
