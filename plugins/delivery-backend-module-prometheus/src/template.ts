import { InputError } from '@backstage/errors';

/*
 * Queries with typed placeholders. A placeholder stands where a whole string or
 * duration stands in PromQL, and is replaced by one that is complete, quoted
 * and escaped: whatever the value is, it stays one string.
 *
 *     sum(rate(errors_total{namespace={{namespace}}, pod=~{{pods}}}[{{window}}]))
 */

/** What placeholders stand for in one measurement. */
export interface QueryValues {
  /** Label values, by placeholder. */
  labels: Record<string, string>;
  /** Regular expressions for `=~`, already escaped where they hold values. */
  patterns: Record<string, string>;
  windowMs: number;
}

export interface PlaceholderNames {
  labels: readonly string[];
  patterns: readonly string[];
}

type Part =
  | { text: string }
  | { label: string }
  | { pattern: string }
  | { window: true };

export interface QueryTemplate {
  render(values: QueryValues): string;
}

const PLACEHOLDER = /\{\{\s*([A-Za-z]*)\s*\}\}/y;
const MAX_LENGTH = 10_000;

/**
 * Reads a template.
 *
 * Errors: `InputError` for an unknown placeholder, and for one that stands
 * where it would not be one whole value: inside quotes, a label after `=~`, a
 * window outside of `[...]`.
 */
export function compileQuery(
  text: string,
  names: PlaceholderNames,
  place: string,
): QueryTemplate {
  if (text.length > MAX_LENGTH) {
    throw new InputError(
      `${place}: expected at most ${MAX_LENGTH} characters, found ${text.length}`,
    );
  }
  const parts: Part[] = [];
  let plain = '';
  let quote: string | undefined;
  for (let at = 0; at < text.length; ) {
    const here = text[at];
    if (text.startsWith('{{', at)) {
      PLACEHOLDER.lastIndex = at;
      const [whole, name] = PLACEHOLDER.exec(text) ?? [];
      if (!whole) {
        throw new InputError(
          `${place}: expected a placeholder such as {{namespace}}, found "${text.slice(
            at,
            at + 30,
          )}"`,
        );
      }
      if (quote) {
        throw new InputError(
          `${place}: {{${name}}} stands inside quotes; it brings its own, so write label={{${name}}}`,
        );
      }
      const part = partOf(name, names, place);
      assertFits(part, name, plain, text.slice(at + whole.length), place);
      parts.push({ text: plain }, part);
      plain = '';
      at += whole.length;
      continue;
    }
    if (!quote && here === '#') {
      throw new InputError(
        `${place}: comments are not taken in a query; found one at "${text.slice(
          at,
          at + 30,
        )}"`,
      );
    }
    if (quote) {
      if (here === '\\' && quote !== '`') {
        plain += text.slice(at, at + 2);
        at += 2;
        continue;
      }
      quote = here === quote ? undefined : quote;
    } else if (here === '"' || here === "'" || here === '`') {
      quote = here;
    }
    plain += here;
    at += 1;
  }
  if (quote) {
    throw new InputError(`${place}: a quoted text does not end`);
  }
  parts.push({ text: plain });
  return {
    render: values => parts.map(part => renderPart(part, values)).join(''),
  };
}

function partOf(name: string, names: PlaceholderNames, place: string): Part {
  if (name === 'window') {
    return { window: true };
  }
  if (names.labels.includes(name)) {
    return { label: name };
  }
  if (names.patterns.includes(name)) {
    return { pattern: name };
  }
  throw new InputError(
    `${place}: expected one of ${['window', ...names.labels, ...names.patterns]
      .map(known => `{{${known}}}`)
      .join(', ')}, found {{${name}}}`,
  );
}

function assertFits(
  part: Part,
  name: string,
  before: string,
  after: string,
  place: string,
): void {
  if ('window' in part && !/\[\s*$/.test(before)) {
    throw new InputError(
      `${place}: {{window}} stands for a duration: write [{{window}}]`,
    );
  }
  if ('window' in part && !/^\s*[\]:]/.test(after)) {
    throw new InputError(`${place}: after {{window}} expected "]" or ":"`);
  }
  if ('label' in part && !/[^=!<>~]!?=\s*$/.test(before)) {
    throw new InputError(
      `${place}: {{${name}}} is a label's value: write label={{${name}}}`,
    );
  }
  if ('pattern' in part && !/[=!]~\s*$/.test(before)) {
    throw new InputError(
      `${place}: {{${name}}} is a regular expression: write label=~{{${name}}}`,
    );
  }
}

function renderPart(part: Part, values: QueryValues): string {
  if ('text' in part) {
    return part.text;
  }
  if ('window' in part) {
    return `${Math.max(1, Math.round(values.windowMs))}ms`;
  }
  const value =
    'label' in part ? values.labels[part.label] : values.patterns[part.pattern];
  return quoted(value);
}

/**
 * A string of PromQL. Its escapes are Go's; what is no printable ASCII is
 * written by its code point.
 */
export function quoted(value: string): string {
  const inner = [...value]
    .map(character => {
      const code = character.codePointAt(0) ?? 0;
      if (character === '"' || character === '\\') {
        return `\\${character}`;
      }
      if (code >= 0x20 && code < 0x7f) {
        return character;
      }
      // Half of a surrogate pair is no character that Go could hold.
      return code >= 0xd800 && code <= 0xdfff
        ? '\\ufffd'
        : `\\U${code.toString(16).padStart(8, '0')}`;
    })
    .join('');
  return `"${inner}"`;
}

/** A value for use inside a regular expression (RE2). */
export function escapePattern(value: string): string {
  return value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
