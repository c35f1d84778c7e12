import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '@backstage/errors';
import { insideWorkspace } from './folders';

/*
 * The deploy bundle: the sources of the manifests, kept with the release, so
 * that it can be rendered for a target when its repository is long gone. One
 * blob, the same for the same files.
 */

const MAX_FILES = 2_000;
const MAX_BYTES = 10 * 1024 * 1024;
const MAX_DEPTH = 20;

export type Bundle = Map<string, Buffer>;

/** Collects files and folders, relative to the root of the workspace. */
export async function collectBundle(
  root: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Bundle> {
  const bundle: Bundle = new Map();
  let bytes = 0;

  async function addFile(path: string, real: string) {
    if (bundle.has(path)) {
      return;
    }
    signal.throwIfAborted();
    const { size } = await stat(real);
    bytes += size;
    if (bundle.size >= MAX_FILES || bytes > MAX_BYTES) {
      throw new InputError(
        `The manifests are more than ${MAX_FILES} files or ${MAX_BYTES} bytes; expected a file or folder with manifests only, found so much at "${path}"`,
      );
    }
    bundle.set(path, await readFile(real));
  }

  async function add(path: string, depth: number) {
    if (depth > MAX_DEPTH) {
      throw new InputError(
        `The manifests at "${path}" are nested more than ${MAX_DEPTH} folders deep`,
      );
    }
    const real = await insideWorkspace(root, path);
    const info = await lstat(real);
    if (info.isFile()) {
      await addFile(path, real);
    } else if (info.isDirectory()) {
      // A linked folder may contain itself; those that people name are fine.
      if (depth > 0 && (await lstat(join(root, path))).isSymbolicLink()) {
        throw new InputError(
          `"${path}" is a link to a folder; links among manifests may only point to files`,
        );
      }
      for (const name of (await readdir(real)).sort()) {
        if (name !== '.git') {
          await add(path === '.' ? name : join(path, name), depth + 1);
        }
      }
    } else {
      throw new InputError(
        `"${path}" is neither a file nor a folder; manifests are read from those only`,
      );
    }
  }

  for (const path of paths) {
    await add(path, 0);
  }
  return bundle;
}

export function encodeBundle(bundle: Bundle): Buffer {
  const files = [...bundle]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, content]) => ({ path, base64: content.toString('base64') }));
  return Buffer.from(JSON.stringify({ version: 1, files }));
}

export function decodeBundle(bytes: Buffer): Bundle {
  const stored: unknown = JSON.parse(bytes.toString('utf8'));
  const files: unknown =
    typeof stored === 'object' && stored !== null && 'files' in stored
      ? stored.files
      : undefined;
  if (!Array.isArray(files)) {
    throw new Error('The stored deploy bundle has an unknown form');
  }
  return new Map(
    files.map((file): [string, Buffer] => [
      String(file.path),
      Buffer.from(String(file.base64), 'base64'),
    ]),
  );
}
