import { InputError } from '@backstage/errors';

const MAX_BYTES = 1024 * 1024;
const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const HEREDOC = /<<-?(["']?)([A-Za-z_][A-Za-z0-9_]*)\1/g;

/** One instruction, its continued lines joined. */
export interface Instruction {
  /** Uppercase. */
  keyword: string;
  /** What begins with `--` before the arguments, without the dashes. */
  flags: Array<{ name: string; value: string }>;
  /** The text after keyword and flags. */
  rest: string;
  /** Where it begins, from 1. */
  line: number;
  /** Whether lines of text follow it (`<<EOF`). */
  hasHeredoc: boolean;
}

/** The instructions of a file in their order. */
export interface ParsedDockerfile {
  instructions: Instruction[];
  /** What escapes a character and joins lines: backslash or backtick. */
  escape: string;
}

/** An error in a Dockerfile, with its place. */
export function dockerfileError(
  file: string,
  line: number,
  message: string,
): InputError {
  return new InputError(`${file}:${line}: ${message}`);
}

function readDirectives(
  lines: readonly string[],
  file: string,
): { escape: string; count: number } {
  let escape = '\\';
  let count = 0;
  for (const line of lines) {
    const match = DIRECTIVE.exec(line);
    if (!match) {
      break;
    }
    const [, name, value] = match;
    const known = name.toLowerCase();
    if (!['escape', 'syntax', 'check'].includes(known)) {
      break;
    }
    count += 1;
    if (known === 'escape') {
      if (value !== '\\' && value !== '`') {
        throw dockerfileError(
          file,
          count,
          `the escape directive is "${value}"; expected \\ or \``,
        );
      }
      escape = value;
    }
  }
  return { escape, count };
}

function splitFlags(text: string): Pick<Instruction, 'flags' | 'rest'> {
  const flags: Instruction['flags'] = [];
  let rest = text;
  for (;;) {
    const match = /^--([a-zA-Z][a-zA-Z0-9-]*)?(?:=(\S*))?(?:\s+|$)/.exec(rest);
    if (!match) {
      return { flags, rest };
    }
    rest = rest.slice(match[0].length);
    if (match[1] === undefined) {
      return { flags, rest };
    }
    flags.push({ name: match[1], value: match[2] ?? '' });
  }
}

function toInstruction(text: string, line: number, file: string): Instruction {
  const match = /^(\S+)(?:\s+([\s\S]*))?$/.exec(text.trim());
  const keyword = match?.[1].toUpperCase() ?? '';
  if (!/^[A-Z]+$/.test(keyword)) {
    throw dockerfileError(
      file,
      line,
      `"${text.trim().slice(0, 60)}" is not an instruction`,
    );
  }
  return {
    keyword,
    ...splitFlags((match?.[2] ?? '').trim()),
    line,
    hasHeredoc: false,
  };
}

/**
 * Reads a Dockerfile into instructions, joining continued lines and leaving
 * comments out. It knows no instruction's meaning.
 *
 * Source: the Dockerfile reference; checked against BuildKit's own examples.
 *
 * Errors: `InputError` with file and line.
 */
export function parseDockerfile(text: string, file: string): ParsedDockerfile {
  if (Buffer.byteLength(text) > MAX_BYTES) {
    throw new InputError(`${file} has more than ${MAX_BYTES} bytes`);
  }
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const { escape, count } = readDirectives(lines, file);
  const escaped = escape === '\\' ? '\\\\' : '`';
  // One escape at the end joins; two are an escaped one.
  const continued = new RegExp(`(^|[^${escaped}])${escaped}[ \\t]*$`);
  const instructions: Instruction[] = [];
  let index = count;
  while (index < lines.length) {
    const start = index;
    const first = lines[index];
    index += 1;
    if (first.trim() === '' || /^\s*#/.test(first)) {
      continue;
    }
    let joined = '';
    let current: string | undefined = first;
    let isOpen = true;
    while (isOpen && current !== undefined) {
      isOpen = continued.test(current);
      joined += current.replace(continued, '$1');
      if (isOpen) {
        while (
          index < lines.length &&
          (lines[index].trim() === '' || /^\s*#/.test(lines[index]))
        ) {
          index += 1;
        }
        current = lines[index];
        index += current === undefined ? 0 : 1;
      }
    }
    const instruction = toInstruction(joined, start + 1, file);
    if (['RUN', 'COPY', 'ADD'].includes(instruction.keyword)) {
      for (const [, , name] of instruction.rest.matchAll(HEREDOC)) {
        instruction.hasHeredoc = true;
        while (
          index < lines.length &&
          lines[index].replace(/^\t+/, '') !== name
        ) {
          index += 1;
        }
        index += 1;
      }
    }
    instructions.push(instruction);
  }
  return { instructions, escape };
}
