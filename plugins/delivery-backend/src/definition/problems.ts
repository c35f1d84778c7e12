import { DefinitionProblem } from '@slipway/backstage-plugin-delivery-common';
import { z } from 'zod/v4';
import { Path, YamlDocument } from './yamlText';

/** A problem before it has a place in a file. */
export interface Complaint {
  path: Path;
  expected: string;
  found: string;
  hint?: string;
  /** The key is at fault, not its value. */
  atKey?: boolean;
}

const MAX_FOUND = 120;
const MAX_SUGGESTED_DISTANCE = 3;

/** `environments[0].strategy.canary.steps[1].weight` */
export function formatPath(path: Path): string {
  return path
    .map((segment, index) =>
      typeof segment === 'number'
        ? `[${segment}]`
        : `${index === 0 ? '' : '.'}${segment}`,
    )
    .join('');
}

/** What is there, short, for people. */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) {
    return 'nothing';
  }
  if (Array.isArray(value)) {
    return value.length === 0
      ? 'an empty list'
      : `a list of ${value.length} entries`;
  }
  if (typeof value === 'object') {
    const keys = Object.keys(value);
    return keys.length === 0
      ? 'an empty map'
      : shorten(`a map with ${keys.join(', ')}`);
  }
  return typeof value === 'string'
    ? `"${shorten(value)}"`
    : `${value} (a ${typeof value})`;
}

function shorten(text: string): string {
  return text.length > MAX_FOUND ? `${text.slice(0, MAX_FOUND)}…` : text;
}

/** The candidate that was probably meant. */
export function didYouMean(
  found: string,
  candidates: readonly string[],
): string | undefined {
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(found.toLowerCase(), candidate.toLowerCase());
    if (!best || distance < best.distance) {
      best = { candidate, distance };
    }
  }
  const limit = Math.min(
    MAX_SUGGESTED_DISTANCE,
    Math.max(1, Math.floor(found.length / 2)),
  );
  return best && best.distance <= limit
    ? `Did you mean "${best.candidate}"?`
    : undefined;
}

/**
 * Levenshtein's distance with neighbours swapped counted once ("optimal string
 * alignment"), as swapping is what fingers do: `wieght`.
 */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MAX_SUGGESTED_DISTANCE) {
    return Infinity;
  }
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      rows[i][j] = Math.min(
        rows[i - 1][j] + 1,
        rows[i][j - 1] + 1,
        rows[i - 1][j - 1] + cost,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.length][b.length];
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (current, segment) =>
      typeof current === 'object' && current !== null
        ? Reflect.get(current, segment)
        : undefined,
    value,
  );
}

/** The schema of what lies at the path, where it can be told. */
function schemaAt(schema: unknown, path: Path): unknown {
  let current = unwrap(schema);
  for (const segment of path) {
    if (current instanceof z.ZodObject) {
      current = unwrap(current.shape[String(segment)]);
    } else if (current instanceof z.ZodArray) {
      current = unwrap(current.element);
    } else {
      return undefined;
    }
  }
  return current;
}

function unwrap(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? unwrap(schema.unwrap()) : schema;
}

function optionsOf(schema: unknown): string[] {
  if (schema instanceof z.ZodEnum) {
    return schema.options.map(String);
  }
  return schema instanceof z.ZodLiteral ? [...schema.values].map(String) : [];
}

const UNITS_HINT =
  'Units are mandatory: ms, s, m, h or d for durations, % for shares.';

function pathOf(issue: { path: PropertyKey[] }): Path {
  return issue.path.map(segment =>
    typeof segment === 'symbol' ? segment.toString() : segment,
  );
}

/** What a schema says of a value, as complaints. */
export function complaintsOf(
  error: z.ZodError,
  schema: z.ZodType,
  value: unknown,
): Complaint[] {
  return error.issues.flatMap((issue): Complaint[] => {
    const path = pathOf(issue);
    if (issue.code === 'unrecognized_keys') {
      const at = schemaAt(schema, path);
      const known = at instanceof z.ZodObject ? Object.keys(at.shape) : [];
      return issue.keys.map(key => ({
        path: [...path, key],
        expected: `one of the fields ${known.join(', ')}`,
        found: `"${shorten(key)}"`,
        hint: didYouMean(key, known),
        atKey: true,
      }));
    }
    // A misspelt field is one problem, not also a missing one.
    const misspelt = error.issues.some(
      other =>
        other.code === 'unrecognized_keys' &&
        formatPath(pathOf(other)) === formatPath(path),
    );
    if (issue.code === 'custom' && misspelt) {
      return [];
    }
    const found = valueAt(value, path);
    const params: unknown = issue.code === 'custom' ? issue.params : undefined;
    const given = (key: 'found' | 'hint') => {
      const text: unknown =
        typeof params === 'object' && params !== null
          ? Reflect.get(params, key)
          : undefined;
      return typeof text === 'string' ? text : undefined;
    };
    const hint =
      given('hint') ??
      (typeof found === 'number' && /its (unit|sign)/.test(issue.message)
        ? UNITS_HINT
        : undefined) ??
      (typeof found === 'string'
        ? didYouMean(found, optionsOf(schemaAt(schema, path)))
        : undefined);
    return [
      {
        path,
        expected: issue.message,
        found: given('found') ?? describeValue(found),
        hint,
      },
    ];
  });
}

/** Gives complaints their place, in the order of the file. */
export function toProblems(
  file: string,
  document: YamlDocument,
  complaints: Complaint[],
): DefinitionProblem[] {
  return complaints
    .map(({ path, expected, found, hint, atKey }) => ({
      file,
      ...(atKey ? document.locateKey(path) : document.locate(path)),
      ...(path.length > 0 && { path: formatPath(path) }),
      expected,
      found,
      ...(hint && { hint }),
    }))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

/** One line for logs and reasons. */
export function describeProblem(problem: DefinitionProblem): string {
  const place = [problem.file, problem.line, problem.column]
    .filter(part => part !== undefined)
    .join(':');
  const at = problem.path ? ` at ${problem.path}` : '';
  const hint = problem.hint ? `. ${problem.hint}` : '';
  return `${place}: expected ${problem.expected}, found ${problem.found}${at}${hint}`;
}
