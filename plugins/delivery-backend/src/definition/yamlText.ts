import {
  Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Node,
  Pair,
  parseAllDocuments,
  visit,
} from 'yaml';

/*
 * YAML from strangers. The parser is asked for the tree with its positions
 * only; what could make a small file expensive or surprising is refused here,
 * before anything is turned into values: size, depth, number of documents and
 * nodes, aliases that multiply, tags, and keys that stand twice. Duplicate keys
 * are looked for with a set, as the parser's own check compares every key with
 * every other one.
 */

const MAX_BYTES = 1024 * 1024;
const MAX_DOCUMENTS = 200;
const MAX_DEPTH = 50;
const MAX_NODES = 100_000;
const MAX_ENTRIES = 30_000;
const MAX_ALIAS_COUNT = 100;
/** The parser itself is recursive; brackets deeper than this are not YAML that people write. */
const MAX_OPEN_BRACKETS = 200;
/** `- - - x`, `? - ? - x`: a level each. Linear: each blank has one way to be read. */
const COMPACT_NESTING = new RegExp(
  `^[ \\t]*(?:[-?:][ \\t]+){${MAX_DEPTH + 1}}`,
  'm',
);

export interface Position {
  line: number;
  column: number;
}

export interface YamlProblem extends Partial<Position> {
  expected: string;
  found: string;
  hint?: string;
}

export type Path = ReadonlyArray<string | number>;

/** One document of a file, with the way back from a value to its place. */
export interface YamlDocument {
  /** What is wrong with the YAML itself; then there is no value to rely on. */
  problems: YamlProblem[];
  value: unknown;
  /** Of the value at the path, or of the nearest one above that exists. */
  locate(path: Path): Position;
  /** Of the key at the end of the path. */
  locateKey(path: Path): Position;
}

/** The documents of a file, or what makes it none. Empty documents are left out. */
export function readYaml(text: string): {
  documents: YamlDocument[];
  problems: YamlProblem[];
} {
  const refused = refuseText(text);
  if (refused) {
    return { documents: [], problems: [refused] };
  }
  const lines = new LineCounter();
  let parsed: Document.Parsed[];
  try {
    const answer = parseAllDocuments(text, {
      lineCounter: lines,
      uniqueKeys: false,
      prettyErrors: false,
      merge: false,
      version: '1.2',
      schema: 'core',
      logLevel: 'silent',
    });
    parsed = [...answer];
  } catch (error) {
    return {
      documents: [],
      problems: [
        {
          expected: 'YAML',
          found: `something the parser gives up on (${
            error instanceof Error ? error.message : error
          })`,
        },
      ],
    };
  }
  if (parsed.length > MAX_DOCUMENTS) {
    return {
      documents: [],
      problems: [
        {
          expected: `at most ${MAX_DOCUMENTS} documents in one file`,
          found: `${parsed.length} documents`,
        },
      ],
    };
  }
  return {
    documents: parsed
      .filter(
        document => document.contents !== null || document.errors.length > 0,
      )
      .map(document => readDocument(document, lines)),
    problems: [],
  };
}

function refuseText(text: string): YamlProblem | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES) {
    return {
      expected: `a file of at most ${MAX_BYTES} bytes`,
      found: `${bytes} bytes`,
    };
  }
  const control = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/u.exec(text);
  if (control) {
    return {
      ...positionIn(text, control.index),
      expected: 'text in UTF-8',
      found: `the control character U+${control[0]
        .charCodeAt(0)
        .toString(16)
        .padStart(4, '0')}`,
    };
  }
  // As many values as there may be, counted before the parser meets them.
  const entries = text.match(/[\n,]/g)?.length ?? 0;
  if (entries > MAX_ENTRIES) {
    return {
      expected: `at most ${MAX_ENTRIES} lines and commas`,
      found: `${entries} of them`,
    };
  }
  // Counted before parsing: each document costs the parser a fresh start.
  const markers = text.match(/^---/gm)?.length ?? 0;
  if (markers > 5 * MAX_DOCUMENTS) {
    return {
      expected: `at most ${MAX_DOCUMENTS} documents in one file`,
      found: `${markers} lines that begin with "---"`,
    };
  }
  // Lists in lists on one line nest without a bracket.
  const compact = COMPACT_NESTING.exec(text);
  if (compact) {
    return {
      ...positionIn(text, compact.index),
      expected: `at most ${MAX_DEPTH} levels of nesting`,
      found: 'more on this one line',
    };
  }
  let open = 0;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === '[' || char === '{') {
      open += 1;
      if (open > MAX_OPEN_BRACKETS) {
        return {
          ...positionIn(text, index),
          expected: `at most ${MAX_OPEN_BRACKETS} open brackets`,
          found: 'one more',
        };
      }
    } else if (char === ']' || char === '}') {
      open = Math.max(0, open - 1);
    }
  }
  return undefined;
}

function positionIn(text: string, index: number): Position {
  const before = text.slice(0, index).split('\n');
  return { line: before.length, column: before[before.length - 1].length + 1 };
}

function readDocument(
  document: Document.Parsed,
  lines: LineCounter,
): YamlDocument {
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems: YamlProblem[] = [
    ...document.errors,
    ...document.warnings,
  ].map(error => ({
    ...at(error.pos[0]),
    expected: 'valid YAML',
    found: lowerFirst(error.message),
  }));
  if (document.directives?.yaml.explicit) {
    problems.push({
      expected: 'no %YAML directive',
      found: `%YAML ${document.directives.yaml.version}`,
      hint: 'Remove it; the file is read as YAML 1.2.',
    });
  }
  let value: unknown;
  if (problems.length === 0) {
    problems.push(...refuseTree(document, at));
  }
  if (problems.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
    } catch (error) {
      problems.push({
        expected: `aliases that stand for at most ${MAX_ALIAS_COUNT} nodes`,
        found: lowerFirst(
          error instanceof Error ? error.message : String(error),
        ),
        hint: 'Write the values out instead of repeating them with `*`.',
      });
    }
  }
  const startOf = (node: Node | null | undefined) =>
    node?.range ? at(node.range[0]) : undefined;
  const start = startOf(document.contents) ?? at(document.range[0]);

  function walk(path: Path, wanted: 'key' | 'value'): Position {
    let node: Node | null | undefined = document.contents;
    let position = start;
    for (const [index, segment] of path.entries()) {
      const container: Node | null | undefined = isAlias(node)
        ? node.resolve(document)
        : node;
      if (isMap(container)) {
        const pair: Pair | undefined = container.items.find(
          item =>
            isScalar(item.key) && String(item.key.value) === String(segment),
        );
        if (!pair) {
          return position;
        }
        const key: Node | undefined = isScalar(pair.key) ? pair.key : undefined;
        const child: Node | null | undefined = isNode(pair.value)
          ? pair.value
          : undefined;
        const last = index === path.length - 1;
        position =
          (last && wanted === 'key' ? startOf(key) : startOf(child)) ??
          startOf(key) ??
          position;
        node = child;
      } else if (isSeq(container)) {
        const item: unknown = container.items[Number(segment)];
        if (!isNode(item)) {
          return position;
        }
        position = startOf(item) ?? position;
        node = item;
      } else {
        return position;
      }
    }
    return position;
  }

  return {
    problems,
    value,
    locate: path => walk(path, 'value'),
    locateKey: path => walk(path, 'key'),
  };
}

function isNode(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value);
}

/** What the parser accepts and we do not. */
function refuseTree(
  document: Document.Parsed,
  at: (offset: number) => Position,
): YamlProblem[] {
  const problems: YamlProblem[] = [];
  const place = (node: unknown) =>
    isNode(node) && node.range ? at(node.range[0]) : {};
  let nodes = 0;
  visit(document, (_key, node, ancestors) => {
    nodes += 1;
    if (nodes > MAX_NODES) {
      problems.push({
        ...place(node),
        expected: `at most ${MAX_NODES} values in one document`,
        found: 'more',
      });
      return visit.BREAK;
    }
    if (ancestors.length > MAX_DEPTH * 2) {
      problems.push({
        ...place(node),
        expected: `at most ${MAX_DEPTH} levels of nesting`,
        found: 'more',
      });
      return visit.BREAK;
    }
    if (isMap(node)) {
      const seen = new Set<string>();
      for (const { key } of node.items) {
        if (!isScalar(key)) {
          problems.push({
            ...place(key),
            expected: 'a plain text as the name of a field',
            found: 'a list, a map or an alias',
          });
        } else if (seen.has(String(key.value))) {
          problems.push({
            ...place(key),
            expected: 'each field once',
            found: `"${key.value}" a second time`,
            hint: 'Remove one of them: only one could count.',
          });
        } else {
          seen.add(String(key.value));
        }
      }
    }
    if (isNode(node) && hasTag(node)) {
      problems.push({
        ...place(node),
        expected: 'a value without a tag',
        found: `the tag ${node.tag}`,
      });
    }
    return undefined;
  });
  return problems;
}

/** The parser sets it only when the tag was written. */
function hasTag(node: Node): node is Node & { tag: string } {
  return 'tag' in node && typeof node.tag === 'string';
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
