/** How bad a line says that it is. */
export type LogLevel = 'error' | 'warning' | 'info' | 'debug';

const WORDS: Record<string, LogLevel> = {
  fatal: 'error',
  panic: 'error',
  critical: 'error',
  crit: 'error',
  error: 'error',
  err: 'error',
  warning: 'warning',
  warn: 'warning',
  notice: 'info',
  info: 'info',
  debug: 'debug',
  trace: 'debug',
};
/** klog, as Kubernetes' own programs write it: `E1124 12:00:00.000000`. */
const KLOG: Record<string, LogLevel> = {
  F: 'error',
  E: 'error',
  W: 'warning',
  I: 'info',
};
/** Where writers put the level; a word further on belongs to the message. */
const HEAD = 120;

/**
 * The level of a line as its writer wrote it: a field of JSON or logfmt, klog's
 * first letter, or a word in capitals at its beginning. `undefined`: it says
 * nothing, which is no level.
 */
export function levelOf(text: string): LogLevel | undefined {
  const field = /"?(?:level|severity|lvl|log\.level)"?\s*[:=]\s*"?(\w+)/i.exec(
    text,
  )?.[1];
  if (field) {
    return WORDS[field.toLowerCase()] ?? ofNumber(Number(field));
  }
  const klog = /^([FEWI])\d{4} \d\d:/.exec(text)?.[1];
  if (klog) {
    return KLOG[klog];
  }
  const word =
    /\b(FATAL|PANIC|CRITICAL|ERROR|ERR|WARNING|WARN|NOTICE|INFO|DEBUG|TRACE)\b/.exec(
      text.slice(0, HEAD),
    )?.[1];
  return word ? WORDS[word.toLowerCase()] : undefined;
}

/** pino's and bunyan's numbers. */
function ofNumber(level: number): LogLevel | undefined {
  if (!(level >= 10 && level <= 60)) {
    return undefined;
  }
  if (level >= 50) {
    return 'error';
  }
  if (level >= 40) {
    return 'warning';
  }
  return level >= 30 ? 'info' : 'debug';
}
