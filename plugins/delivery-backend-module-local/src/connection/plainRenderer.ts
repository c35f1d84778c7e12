import { InputError } from '@backstage/errors';
import {
  PlanObject,
  RenderRequest,
  Renderer,
} from '@slipway/backstage-plugin-delivery-node';
import { LineCounter, parseAllDocuments, stringify } from 'yaml';

/*
 * Manifests as they are: the documents of one file, or of every YAML or JSON
 * file below a folder, in the order of their paths. The only thing that is
 * changed is a container's image, from the definition's name to what was
 * built for it.
 */

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A bare name means an image of the definition; anything else is a reference. */
function isImageName(image: string): boolean {
  return !/[/:@]/.test(image);
}

function filesOf(request: RenderRequest): Array<[string, Buffer]> {
  const path = request.path.replace(/^\.\/|\/$/g, '');
  const file = request.bundle.get(path);
  if (file) {
    return [[path, file]];
  }
  const prefix = path === '' || path === '.' ? '' : `${path}/`;
  const files = [...request.bundle]
    .filter(([name]) => name.startsWith(prefix) && /\.(ya?ml|json)$/.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (files.length === 0) {
    throw new InputError(
      `The manifests "${request.path}" are neither a file of this commit nor a folder with YAML or JSON files`,
    );
  }
  return files;
}

/** Changes image names in place, wherever a pod is described. */
function resolveImages(
  value: unknown,
  images: Record<string, string>,
  where: string,
): void {
  if (Array.isArray(value)) {
    value.forEach(item => resolveImages(item, images, where));
    return;
  }
  if (!isRecord(value)) {
    return;
  }
  for (const field of ['containers', 'initContainers']) {
    const containers = value[field];
    for (const container of Array.isArray(containers) ? containers : []) {
      if (isRecord(container) && typeof container.image === 'string') {
        const { image } = container;
        if (Object.hasOwn(images, image)) {
          container.image = images[image];
        } else if (isImageName(image)) {
          throw new InputError(
            `${where}: the image "${image}" is none of the definition's images (${
              Object.keys(images).join(', ') || 'none'
            })`,
          );
        }
      }
    }
  }
  for (const child of Object.values(value)) {
    resolveImages(child, images, where);
  }
}

function readFile(
  name: string,
  bytes: Buffer,
  images: Record<string, string>,
): PlanObject[] {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(bytes.toString('utf8'), { lineCounter });
  if (!Array.isArray(documents)) {
    return [];
  }
  return documents.flatMap(document => {
    const [problem] = document.errors;
    if (problem) {
      const { line, col } = lineCounter.linePos(problem.pos[0]);
      throw new InputError(
        `${name}:${line}:${col}: ${problem.message.split('\n')[0]}`,
      );
    }
    const { line } = lineCounter.linePos(document.range?.[0] ?? 0);
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value === null || value === undefined) {
      return [];
    }
    const { apiVersion, kind, metadata } = isRecord(value)
      ? value
      : { apiVersion: undefined, kind: undefined, metadata: undefined };
    const objectName = isRecord(metadata) ? metadata.name : undefined;
    if (
      typeof apiVersion !== 'string' ||
      typeof kind !== 'string' ||
      typeof objectName !== 'string'
    ) {
      throw new InputError(
        `${name}:${line}: expected an object with apiVersion, kind and metadata.name`,
      );
    }
    resolveImages(value, images, `${name}:${line} (${kind} ${objectName})`);
    return [
      {
        id: `${apiVersion}/${kind}/${objectName}`,
        mediaType: 'application/yaml',
        bytes: Buffer.from(stringify(value)),
      },
    ];
  });
}

/** Renders `manifests: { plain: <file or folder> }`. */
export function createPlainRenderer(): Renderer {
  return {
    id: 'plain',
    async render(request) {
      const objects = filesOf(request).flatMap(([name, bytes]) =>
        readFile(name, bytes, request.images),
      );
      const seen = new Set<string>();
      for (const { id } of objects) {
        if (seen.has(id)) {
          throw new InputError(
            `The manifests "${request.path}" define ${id} more than once`,
          );
        }
        seen.add(id);
      }
      return objects;
    },
  };
}
