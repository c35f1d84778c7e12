import { z } from 'zod/v4';
import { DURATION_PATTERN, parseDuration, PERCENT_PATTERN } from './units';

/*
 * The building blocks of a definition's schema. The error text of each says
 * what was *expected*, as a phrase; what was found, and where, is added by
 * whoever has the file.
 */

/** A map with exactly these fields. */
export function map<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape, { error: 'a map of fields' });
}

/** A map of which exactly one field is set, such as `strategy`. */
export function oneOf<S extends z.ZodRawShape>(shape: S) {
  const names = Object.keys(shape);
  return map(shape)
    .meta({ minProperties: 1, maxProperties: 1 })
    .superRefine((value, context) => {
      const set = Object.keys(value);
      if (set.length !== 1) {
        context.addIssue({
          code: 'custom',
          message: `exactly one of ${names.join(', ')}`,
          params: { found: set.length === 0 ? 'none of them' : set.join(', ') },
        });
      }
    });
}

export function list<T extends z.ZodType>(
  item: T,
  what: string,
  limits: { min?: number; max: number },
) {
  const { min = 0, max } = limits;
  const expected =
    min > 0
      ? `a list of ${min} to ${max} ${what}`
      : `a list of at most ${max} ${what}`;
  return z
    .array(item, { error: expected })
    .min(min, { error: expected })
    .max(max, { error: expected });
}

export function text(
  expected: string,
  pattern: RegExp,
  maxLength: number = 255,
) {
  return z
    .string({ error: expected })
    .max(maxLength, {
      error: `${expected}, of at most ${maxLength} characters`,
    })
    .regex(pattern, { error: expected });
}

export function choice<const T extends readonly [string, ...string[]]>(
  values: T,
) {
  return z.enum(values, { error: `one of ${values.join(', ')}` });
}

/** A lowercase name as DNS and Kubernetes know them. */
export function name(what: string) {
  return text(
    `${what}: lowercase letters, digits and "-", such as "checkout"`,
    /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/,
    63,
  );
}

/** The catalog's names: letters, digits and `-_.` in between. */
export function entityName(what: string) {
  return text(
    `${what}: letters, digits, "-", "_" and "."`,
    /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/,
    63,
  );
}

/*
 * No leading slash or drive, no backslash, no "." or ".." segment apart from
 * a lone ".", no empty segment, nothing that is not printable.
 */
const SEGMENT = '(?!\\.{1,2}(?:/|$))[^/\\\\\\u0000-\\u001f\\u007f]+';
const RELATIVE_PATH = new RegExp(
  `^(?:\\.|(?![A-Za-z]:)${SEGMENT}(?:/${SEGMENT})*/?)$`,
);

/** A path that cannot leave the repository. */
export function path(what: string) {
  return text(
    `${what}: a path below the root of the repository, without ".."`,
    RELATIVE_PATH,
    500,
  );
}

export function whole(expected: string, limits: { min: number; max: number }) {
  const phrase = `${expected} from ${limits.min} to ${limits.max}`;
  return z
    .int({ error: phrase })
    .min(limits.min, { error: phrase })
    .max(limits.max, { error: phrase });
}

/** A duration with its unit, within limits that are durations themselves. */
export function duration(
  what: string,
  example: string,
  limits: { min?: string; max?: string } = {},
) {
  const { min = '0s', max = '30d' } = limits;
  const expected = `${what}: a duration with its unit from ${min} to ${max}, such as ${example}`;
  const minMs = parseDuration(min) ?? 0;
  const maxMs = parseDuration(max) ?? Infinity;
  return text(expected, DURATION_PATTERN, 60).refine(
    value => {
      const ms = parseDuration(value);
      // What is no duration at all was refused by the pattern already.
      return ms === undefined || (ms >= minMs && ms <= maxMs);
    },
    { error: expected },
  );
}

export function percent(what: string, example: string) {
  return text(
    `${what}: a share from 0% to 100% with its sign, such as ${example}`,
    PERCENT_PATTERN,
    10,
  );
}

/** Instances: `2`, or `25%` of the wanted ones. */
export function amount(what: string) {
  const error = `${what}: a number of instances such as 1, or a share of them such as 25%`;
  return z.union(
    [z.int().min(0).max(10_000), z.string().regex(PERCENT_PATTERN)],
    {
      error,
    },
  );
}
