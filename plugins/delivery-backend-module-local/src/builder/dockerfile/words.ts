/** Names to values, as ARG and ENV set them. */
export type Variables = ReadonlyMap<string, string>;

/** What a word has that we do not read; the caller adds the place. */
export class WordError extends Error {
  readonly name = 'WordError';
}

/**
 * Splits at blanks outside of quotes; quotes and escapes stay in the words.
 */
export function splitWords(text: string, escape: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === escape && quote !== "'" && index + 1 < text.length) {
      word += char + text[index + 1];
      index += 1;
    } else if (quote !== '') {
      word += char;
      quote = char === quote ? '' : quote;
    } else if (char === '"' || char === "'") {
      word += char;
      quote = char;
    } else if (/\s/.test(char)) {
      if (word !== '') {
        words.push(word);
      }
      word = '';
    } else {
      word += char;
    }
  }
  return word === '' ? words : [...words, word];
}

class WordReader {
  private index = 0;
  private out = '';

  constructor(
    private readonly text: string,
    private readonly variables: Variables,
    private readonly escape: string,
  ) {}

  read(): string {
    let quote = '';
    while (this.index < this.text.length) {
      const char = this.text[this.index];
      if (quote === "'") {
        this.index += 1;
        if (char === "'") {
          quote = '';
        } else {
          this.out += char;
        }
      } else if (char === this.escape) {
        this.readEscape(quote);
      } else if (char === '"' || (char === "'" && quote === '')) {
        this.index += 1;
        quote = quote === '' ? char : '';
      } else if (char === '$') {
        this.index += 1;
        this.out += this.readVariable();
      } else {
        this.index += 1;
        this.out += char;
      }
    }
    if (quote !== '') {
      throw new WordError(`the quote ${quote} is not closed`);
    }
    return this.out;
  }

  private readEscape(quote: string): void {
    const next = this.text[this.index + 1];
    this.index += next === undefined ? 1 : 2;
    if (next === undefined) {
      this.out += this.escape;
    } else if (quote === '"' && !['"', '$', this.escape].includes(next)) {
      this.out += this.escape + next;
    } else {
      this.out += next;
    }
  }

  private readVariable(): string {
    const rest = this.text.slice(this.index);
    const plain = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9])/.exec(rest);
    if (plain) {
      this.index += plain[0].length;
      return this.variables.get(plain[0]) ?? '';
    }
    if (!rest.startsWith('{')) {
      return '$';
    }
    const end = this.closingBrace(rest);
    const inner = rest.slice(1, end);
    this.index += end + 1;
    const match =
      /^([A-Za-z_][A-Za-z0-9_]*|[0-9])(?:(:?[-+?])([\s\S]*))?$/.exec(inner);
    if (!match) {
      throw new WordError(
        `"\${${inner}}" is not supported; expected \${name}, \${name:-default} or \${name:+other}`,
      );
    }
    const [, name, operator, word = ''] = match;
    const value = this.variables.get(name);
    const isSet = operator?.startsWith(':')
      ? value !== undefined && value !== ''
      : value !== undefined;
    const expanded = () =>
      new WordReader(word, this.variables, this.escape).read();
    switch (operator?.slice(-1)) {
      case '-':
        return isSet ? value ?? '' : expanded();
      case '+':
        return isSet ? expanded() : '';
      case '?':
        if (!isSet) {
          throw new WordError(`${name} is not set: ${expanded()}`);
        }
        return value ?? '';
      default:
        return value ?? '';
    }
  }

  private closingBrace(rest: string): number {
    let depth = 0;
    for (let index = 0; index < rest.length; index += 1) {
      if (rest[index] === this.escape) {
        index += 1;
      } else if (rest[index] === '{') {
        depth += 1;
      } else if (rest[index] === '}') {
        depth -= 1;
        if (depth === 0) {
          return index;
        }
      }
    }
    throw new WordError('a "${" is not closed');
  }
}

/**
 * Replaces variables and takes quotes and escapes away, as the Dockerfile
 * reference describes for all instructions but those that run commands.
 *
 * Errors: `WordError`.
 */
export function expandWord(
  word: string,
  variables: Variables,
  escape: string,
): string {
  return new WordReader(word, variables, escape).read();
}

/** The words of a JSON list of strings; `undefined` when it is not one. */
export function parseJsonWords(text: string): string[] | undefined {
  if (!text.startsWith('[')) {
    return undefined;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // What is no JSON is a command that begins with a bracket.
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
  return Array.isArray(value) && value.every(item => typeof item === 'string')
    ? value
    : undefined;
}
