const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** One or more numbers with a unit: `30s`, `1h30m`. @public */
export const DURATION_PATTERN =
  /^(?:[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s|m|h|d)){1,5}$/;

/** A share with its sign: `10%`, `99.9%`. @public */
export const PERCENT_PATTERN =
  /^(?:100(?:\.0{1,3})?|[0-9]{1,2}(?:\.[0-9]{1,3})?)%$/;

/** Milliseconds of `300ms`, `30s`, `1h30m`; `undefined` for anything else. @public */
export function parseDuration(text: string): number | undefined {
  if (!DURATION_PATTERN.test(text)) {
    return undefined;
  }
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * MS_PER_UNIT[unit];
  }
  return Math.round(totalMs);
}

/** 0..100 of `10%`; `undefined` for anything else. @public */
export function parsePercent(text: string): number | undefined {
  return PERCENT_PATTERN.test(text) ? Number(text.slice(0, -1)) : undefined;
}

/** The shortest exact text: 90000 is `1m30s`. @public */
export function formatDuration(durationMs: number): string {
  let restMs = Math.round(durationMs);
  if (restMs === 0) {
    return '0s';
  }
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const count = Math.floor(restMs / MS_PER_UNIT[unit]);
    if (count > 0) {
      text += `${count}${unit}`;
      restMs -= count * MS_PER_UNIT[unit];
    }
  }
  return text;
}
