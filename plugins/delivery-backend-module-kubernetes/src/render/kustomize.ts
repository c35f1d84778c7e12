import { join } from 'node:path';
import { InputError } from '@backstage/errors';
import { Renderer } from '@slipway/backstage-plugin-delivery-node';
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { bundlePath, withFolder } from './folder';
import { findProgram, runRenderer } from './run';
import { renderTwice } from './twice';
import { RenderLimits } from './types';

const FILES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

/** Fields whose entries name a file, a folder, or something remote. */
const PATH_FIELDS = [
  'resources',
  'bases',
  'components',
  'crds',
  'configurations',
  'transformers',
  'generators',
  'validators',
];
/** What runs programs or fetches charts. */
const REFUSED_FIELDS: Record<string, string> = {
  helmCharts: 'charts are rendered by `manifests: { helm: ... }`',
  helmChartInflationGenerator:
    'charts are rendered by `manifests: { helm: ... }`',
  helmGlobals: 'charts are rendered by `manifests: { helm: ... }`',
};

/**
 * Renders `manifests: { kustomize: <folder> }` with the kustomize of `kubectl`
 * or by itself. Everything that is used lies in the repository: remote bases
 * are refused with file and line before anything runs.
 */
export function createKustomizeRenderer(options: {
  /** Program to run. Default: `kustomize`, else `kubectl`. */
  program?: string;
  limits: RenderLimits;
}): Renderer {
  return {
    id: 'kustomize',
    async render(request) {
      const { bundle, signal } = request;
      const path = bundlePath(request.path);
      checkSources(bundle, path);
      const program = await findProgram(
        options.program ? [options.program] : ['kustomize', 'kubectl'],
        'delivery.kubernetes.render.kustomize',
      );
      const verb = /kubectl(?:\.exe)?$/.test(program) ? 'kustomize' : 'build';
      const what = `kustomize ${request.path}`;
      return await withFolder(bundle, folder =>
        renderTwice(request, what, () =>
          runRenderer({
            what,
            program,
            args: [verb, join(folder, path)],
            folder,
            limits: options.limits,
            signal,
          }),
        ),
      );
    },
  };
}

/**
 * Follows the kustomizations from `start` on.
 *
 * Errors: `InputError` with file and line for what is not a file or folder of
 * the bundle.
 */
function checkSources(bundle: Map<string, Buffer>, start: string): void {
  const todo = [start];
  const seen = new Set<string>();
  for (let folder = todo.pop(); folder !== undefined; folder = todo.pop()) {
    if (seen.has(folder)) {
      continue;
    }
    seen.add(folder);
    const file = FILES.map(name => (folder ? `${folder}/${name}` : name)).find(
      candidate => bundle.has(candidate),
    );
    if (!file) {
      throw new InputError(
        `"${
          folder || '.'
        }" has no kustomization.yaml; expected a folder with one`,
      );
    }
    todo.push(...checkKustomization(bundle, folder, file));
  }
}

/** Checks one file; returns the folders that it builds on. */
function checkKustomization(
  bundle: Map<string, Buffer>,
  folder: string,
  file: string,
): string[] {
  const lines = new LineCounter();
  const document = parseDocument(`${bundle.get(file)}`, { lineCounter: lines });
  const place = (offset = 0) => `${file}:${lines.linePos(offset).line}`;
  const [problem] = document.errors;
  if (problem) {
    throw new InputError(`${place(problem.pos[0])}: ${problem.message}`);
  }
  const folders: string[] = [];
  const { contents } = document;
  if (!isMap(contents)) {
    throw new InputError(`${file}: expected a map of fields`);
  }
  for (const { key, value } of contents.items) {
    const field = String(isScalar(key) ? key.value : key);
    const offset = isScalar(key) ? key.range?.[0] : undefined;
    if (REFUSED_FIELDS[field]) {
      throw new InputError(
        `${place(offset)}: ${field} is not taken; ${REFUSED_FIELDS[field]}`,
      );
    }
    if (field === 'openapi' && isMap(value) && value.has('path')) {
      checkEntry(String(value.get('path')), place(offset));
    }
    if (PATH_FIELDS.includes(field) && isSeq(value)) {
      for (const item of value.items) {
        const text = isScalar(item) ? String(item.value) : undefined;
        // An inline transformer or generator is text of several lines.
        if (text !== undefined && !text.includes('\n')) {
          const found = checkEntry(
            text,
            place(isScalar(item) ? item.range?.[0] : offset),
          );
          if (found) {
            folders.push(found);
          }
        }
      }
    }
  }
  return folders;

  function checkEntry(text: string, at: string): string | undefined {
    const path = text.startsWith('/')
      ? undefined
      : pathInside(folder ? `${folder}/${text}` : text);
    if (path !== undefined && bundle.has(path)) {
      return undefined;
    }
    const isFolder =
      path !== undefined &&
      [...bundle.keys()].some(
        name => path === '' || name.startsWith(`${path}/`),
      );
    if (!isFolder) {
      throw new InputError(
        `${at}: "${text.slice(
          0,
          200,
        )}" is neither a file nor a folder next to the manifests; nothing is fetched from elsewhere, copy it into the repository`,
      );
    }
    return path;
  }
}

function pathInside(path: string): string | undefined {
  try {
    return bundlePath(path);
  } catch (error) {
    if (error instanceof InputError) {
      return undefined;
    }
    throw error;
  }
}
