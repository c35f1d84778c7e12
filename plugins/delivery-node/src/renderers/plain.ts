import { InputError } from '@backstage/errors';
import {
  Document,
  isCollection,
  isNode,
  isScalar,
  LineCounter,
  parseAllDocuments,
  visit,
} from 'yaml';
import { PlanObject, Renderer, RenderRequest } from '../ports';
import {
  assertNoLiteralSecret,
  isMapping,
  KubernetesObject,
  resolveImages,
} from './objects';

/*
 * Kubernetes manifests as they are: the documents of one file, or of every YAML
 * and JSON file below a folder, in the order of their paths. What a container
 * runs is put in; what a repository has no say in (the namespace) and what a
 * Plan must not hold (secret values) is refused, with file and line.
 */

const MAX_BYTES = 10 * 1024 * 1024;
const MAX_OBJECTS = 500;
const MAX_ALIAS_COUNT = 100;
const MAX_DEPTH = 100;
const MAX_NODES = 500_000;

/** More open brackets than this are not manifests that people write. */
const MAX_OPEN_BRACKETS = 500;

interface Source {
  file: string;
  lines: LineCounter;
  document: Document.Parsed;
}

function filesOf(request: RenderRequest): Array<[string, Buffer]> {
  const path = request.path.replace(/^\.\//, '').replace(/\/+$/, '');
  const file = request.bundle.get(path);
  if (file) {
    return [[path, file]];
  }
  const prefix = path === '' || path === '.' ? '' : `${path}/`;
  const files = [...request.bundle]
    .filter(
      ([name]) => name.startsWith(prefix) && /\.(?:ya?ml|json)$/i.test(name),
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (files.length === 0) {
    throw new InputError(
      `The manifests "${request.path}" are neither a file of this commit nor a folder with YAML or JSON files`,
    );
  }
  return files;
}

function decode(file: string, bytes: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new InputError(`${file}: the file is not text in UTF-8`, error);
  }
  let open = 0;
  for (const char of text) {
    if (char === '[' || char === '{') {
      open += 1;
    } else if (char === ']' || char === '}') {
      open = Math.max(0, open - 1);
    }
    if (open > MAX_OPEN_BRACKETS) {
      throw new InputError(
        `${file}: more than ${MAX_OPEN_BRACKETS} brackets are open at once`,
      );
    }
  }
  return text;
}

function parseFile(file: string, bytes: Buffer): Source[] {
  const lines = new LineCounter();
  const text = decode(file, bytes);
  let documents: Document.Parsed[];
  try {
    documents = [
      ...parseAllDocuments(text, {
        lineCounter: lines,
        uniqueKeys: false,
        prettyErrors: false,
        version: '1.2',
        schema: 'core',
        logLevel: 'silent',
      }),
    ];
  } catch (error) {
    throw new InputError(`${file}: the parser gives up on this file`, error);
  }
  return documents.map(document => ({ file, lines, document }));
}

function placeOf({ file, lines }: Source, offset: number | undefined): string {
  if (offset === undefined) {
    return file;
  }
  const { line, col } = lines.linePos(offset);
  return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
}

/** Errors of the syntax, keys that stand twice, and what is too big. */
function checkTree(source: Source): void {
  const { document } = source;
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) {
    throw new InputError(
      `${placeOf(source, problem.pos[0])}: ${problem.message}`,
    );
  }
  let nodes = 0;
  visit(document, (_key, node, path) => {
    const at = () =>
      placeOf(source, isNode(node) ? node.range?.[0] : undefined);
    nodes += 1;
    if (nodes > MAX_NODES || path.length > 2 * MAX_DEPTH) {
      throw new InputError(
        `${at()}: the manifest is larger or nested deeper than what is taken (${MAX_NODES} values, ${MAX_DEPTH} levels)`,
      );
    }
    if (isCollection(node) && 'items' in node) {
      const seen = new Set<string>();
      for (const item of node.items) {
        const key: unknown =
          typeof item === 'object' && item !== null && 'key' in item
            ? item.key
            : undefined;
        if (isScalar(key)) {
          const name = String(key.value);
          if (seen.has(name)) {
            throw new InputError(
              `${placeOf(
                source,
                key.range?.[0],
              )}: "${name}" stands here a second time`,
            );
          }
          seen.add(name);
        }
      }
    }
  });
}

function contentOf(source: Source): unknown {
  checkTree(source);
  try {
    return source.document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
  } catch (error) {
    throw new InputError(
      `${source.file}: aliases stand for more than ${MAX_ALIAS_COUNT} values; write them out`,
      error,
    );
  }
}

/** The place of a path of the object, or of the nearest one above it. */
function locateIn(source: Source, path: string[]): string {
  const { document } = source;
  for (let length = path.length; length >= 0; length -= 1) {
    const node: unknown =
      length === 0
        ? document.contents
        : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) {
      return placeOf(source, node.range[0]);
    }
  }
  return source.file;
}

function identify(
  source: Source,
  value: unknown,
): { id: string; object: KubernetesObject } {
  const start = locateIn(source, []);
  if (!isMapping(value)) {
    throw new InputError(
      `${start}: expected an object with apiVersion, kind and metadata.name`,
    );
  }
  const { apiVersion, kind, metadata } = value;
  const name = isMapping(metadata) ? metadata.name : undefined;
  for (const [field, content] of Object.entries({
    apiVersion,
    kind,
    'metadata.name': name,
  })) {
    if (typeof content !== 'string' || content === '') {
      throw new InputError(
        `${start}: expected ${field} to be a text, found ${
          content === undefined || content === null
            ? 'nothing'
            : JSON.stringify(content).slice(0, 80)
        }`,
      );
    }
  }
  if (isMapping(metadata) && metadata.namespace !== undefined) {
    throw new InputError(
      `${locateIn(source, [
        'metadata',
        'namespace',
      ])}: the namespace is the environment's, not the repository's; remove metadata.namespace`,
    );
  }
  if (Array.isArray(value.items) && /List$/.test(String(kind))) {
    throw new InputError(
      `${start}: a ${kind} is not taken; write its objects as documents, with "---" between them`,
    );
  }
  return { id: `${apiVersion}/${kind}/${name}`, object: value };
}

function renderDocument(
  source: Source,
  images: Record<string, string>,
): PlanObject | undefined {
  const value = contentOf(source);
  if (value === null || value === undefined) {
    return undefined;
  }
  const { id, object } = identify(source, value);
  assertNoLiteralSecret(object, locateIn(source, []));
  resolveImages(object, images, path => locateIn(source, path));
  return {
    id,
    mediaType: 'application/json',
    bytes: Buffer.from(JSON.stringify(object)),
    origin: locateIn(source, []),
  };
}

/**
 * Renders `manifests: { plain: <file or folder> }`. The objects are JSON, in
 * the order of the files and documents.
 *
 * @public
 */
export const plainRenderer: Renderer = {
  id: 'plain',
  async render(request) {
    const files = filesOf(request);
    const bytes = files.reduce((sum, [, content]) => sum + content.length, 0);
    if (bytes > MAX_BYTES) {
      throw new InputError(
        `The manifests "${request.path}" have ${bytes} bytes; at most ${MAX_BYTES} are taken`,
      );
    }
    const objects: PlanObject[] = [];
    const places = new Map<string, string>();
    for (const [file, content] of files) {
      request.signal.throwIfAborted();
      for (const source of parseFile(file, content)) {
        const object = renderDocument(source, request.images);
        if (!object) {
          continue;
        }
        const place = locateIn(source, []);
        const before = places.get(object.id);
        if (before) {
          throw new InputError(
            `${place}: ${object.id} is defined at ${before} already`,
          );
        }
        places.set(object.id, place);
        objects.push(object);
        if (objects.length > MAX_OBJECTS) {
          throw new InputError(
            `The manifests "${request.path}" have more than ${MAX_OBJECTS} objects`,
          );
        }
      }
    }
    if (objects.length === 0) {
      throw new InputError(
        `The manifests "${request.path}" have no objects in them`,
      );
    }
    return objects;
  },
};
