import { LogLine } from '@slipway/backstage-plugin-delivery-common';

/*
 * Whether a line tells of something that went wrong. A level that the line
 * names itself counts; else its words do, and of what says nothing either way,
 * what was written to stderr.
 */

const MAX_LENGTH = 4_000;

/** A structured line, as far as it matters here. */
interface Structured {
  level?: string | number;
  message?: string;
}

const LEVEL_KEYS = ['level', 'severity', 'lvl', 'loglevel', 'log.level'];
const MESSAGE_KEYS = ['msg', 'message', 'error', 'err', 'exception', 'event'];

const BAD_LEVEL = /^(?:err(?:or)?|fatal|crit(?:ical)?|panic|alert|emerg)/i;
const FINE_LEVEL = /^(?:trace|debug|verbose|info|notice|warn)/i;
/** pino and bunyan count: 50 is error, 60 is fatal. */
const BAD_NUMBER = 50;

/** `[ERROR]`, `ERROR:`, `level=error` */
const NAMED_LEVEL =
  /(?:^|[\s[("'=|])(?:level=)?["']?(TRACE|DEBUG|VERBOSE|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|FATAL|CRIT(?:ICAL)?|PANIC)\b(?=[\]\s:)"'|]|$)/;
const NAMED_LOWER =
  /\b(?:level|severity|lvl)["']?\s*[=:]\s*["']?(trace|debug|verbose|info|notice|warn(?:ing)?|err(?:or)?|fatal|crit(?:ical)?|panic)\b/i;

const BAD_WORDS =
  /\b(?:error|errors|fatal|panic|exception|traceback|fail(?:ed|ure|s|ing)?|unhandled|uncaught|refused|denied|timed? ?out|unreachable|unavailable|crash(?:ed)?|abort(?:ed)?|segfault|out of memory|cannot|could not|unable to)\b|\bE[A-Z]{4,20}\b|[A-Za-z](?:Error|Exception)\b/i;

/** An answer of the 5xx class: `status=500`, `" 502`, `GET /cart 503`. */
const SERVER_ERROR =
  /(?:\bstatus(?:code)?["']?\s{0,3}[=:]\s{0,3}["']?|HTTP\/[\d.]{1,3}"? |\b(?:GET|POST|PUT|PATCH|DELETE|HEAD) \S{1,500} )5\d{2}(?=[\s,}"']|$)/i;

/** Whether the line tells of an answer of the 5xx class. */
export function isServerError(text: string): boolean {
  return SERVER_ERROR.test(text.slice(0, MAX_LENGTH));
}

function readStructured(text: string): Structured | undefined {
  if (!text.startsWith('{') || text.length > 16_384) {
    return undefined;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
  const fields = new Map(Object.entries(value ?? {}));
  const level = LEVEL_KEYS.map(key => fields.get(key)).find(
    (found): found is string | number =>
      typeof found === 'string' || typeof found === 'number',
  );
  const message = MESSAGE_KEYS.map(key => textOf(fields.get(key))).find(
    found => found !== undefined,
  );
  return { level, message };
}

/** `{ "err": { "message": "..." } }` is common. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') {
    return value;
  }
  if (value && typeof value === 'object' && 'message' in value) {
    return typeof value.message === 'string' ? value.message : undefined;
  }
  return undefined;
}

/** What a line says, in a structured line the message alone. */
export function messageOf(text: string): string {
  return readStructured(text)?.message ?? text;
}

/** Whether the line tells of a failure. */
export function isErrorLike(line: Pick<LogLine, 'text' | 'stream'>): boolean {
  const text = line.text.slice(0, MAX_LENGTH);
  const structured = readStructured(line.text);
  if (typeof structured?.level === 'number') {
    return structured.level >= BAD_NUMBER;
  }
  const level =
    structured?.level ??
    NAMED_LEVEL.exec(text)?.[1] ??
    NAMED_LOWER.exec(text)?.[1];
  if (level !== undefined) {
    if (BAD_LEVEL.test(level)) {
      return true;
    }
    if (FINE_LEVEL.test(level)) {
      return isServerError(text);
    }
  }
  return (
    BAD_WORDS.test(text) || isServerError(text) || line.stream === 'stderr'
  );
}

/** Whether a line goes on with what the one before it began: a frame of a stack. */
export function isContinuation(text: string): boolean {
  return /^(?:\s+(?:at |File "|\.{3} |[|}^~])|Caused by: |\s*\.{3} \d+ more)/.test(
    text.slice(0, 200),
  );
}
