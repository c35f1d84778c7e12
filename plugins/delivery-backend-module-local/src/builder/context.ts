import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, isError } from '@backstage/errors';
import {
  resolveInside,
  safeSegments,
} from '@slipway/backstage-plugin-delivery-node';
import ignore from 'ignore';

/** Something in a build context. Paths have `/` and are relative to it. */
export type ContextEntry = { path: string; absolute: string } & (
  | { type: 'file'; size: number; isExecutable: boolean }
  | { type: 'directory' }
  | { type: 'symlink'; target: string }
);

/** What a build context may hold. */
export interface ContextLimits {
  maxEntries: number;
  maxBytes: number;
}

export const DEFAULT_CONTEXT_LIMITS: ContextLimits = {
  maxEntries: 50_000,
  maxBytes: 1024 ** 3,
};

type Ignores = (path: string) => boolean;

/**
 * Reads the rules of a `.dockerignore`: patterns from the context's root, the
 * last one that matches a path or one of its folders decides.
 *
 * Source: Docker's documentation of `.dockerignore`.
 */
export function parseDockerignore(text: string): Ignores & {
  /** Whether a rule takes something back, so that ignored folders matter. */
  hasExceptions: boolean;
} {
  const rules = text
    .split(/\r?\n/)
    .filter(line => !line.startsWith('#'))
    .map(line => line.trim())
    .filter(line => line !== '' && line !== '!' && line !== '.')
    .map(line => {
      const isException = line.startsWith('!');
      const pattern = (isException ? line.slice(1) : line)
        .trim()
        .replace(/^\.?\/+/, '')
        .replace(/\/+$/, '');
      return {
        isException,
        matcher: ignore({ ignorecase: false, allowRelativePaths: true }).add(
          pattern.startsWith('**') ? pattern : `/${pattern}`,
        ),
      };
    });
  const decide = (path: string) => {
    let isIgnored = false;
    for (const { isException, matcher } of rules) {
      // Only a rule that would change the answer needs to be asked.
      if (isIgnored === isException && matcher.ignores(path)) {
        isIgnored = !isException;
      }
    }
    return isIgnored;
  };
  return Object.assign(decide, {
    hasExceptions: rules.some(({ isException }) => isException),
  });
}

/** The rules that a context's own file asks for; none without one. */
export async function readDockerignore(
  root: string,
  names: readonly string[] = ['.dockerignore'],
): Promise<ReturnType<typeof parseDockerignore>> {
  for (const name of names) {
    try {
      return parseDockerignore(await readFile(join(root, name), 'utf8'));
    } catch (error) {
      if (!(isError(error) && error.code === 'ENOENT')) {
        throw error;
      }
    }
  }
  return parseDockerignore('');
}

/**
 * The folder of a context inside the workspace.
 *
 * Errors: `InputError` when it leads out or is no folder.
 */
export async function resolveContextFolder(
  workspaceRoot: string,
  context: string,
): Promise<string> {
  const where = `Build context "${context}"`;
  const path = await resolveInside(
    workspaceRoot,
    safeSegments(context, where),
    where,
  );
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
      return undefined;
    }
    throw error;
  });
  if (!found?.isDirectory()) {
    throw new InputError(
      `${where} is not a folder of the repository; check images[].build.context`,
    );
  }
  return path;
}

/**
 * All entries of a context that are not ignored, sorted by path.
 *
 * Errors: `InputError` beyond the limits, for links that lead out of the
 * context, and for devices, pipes and sockets.
 */
export async function readContext(
  root: string,
  options: {
    ignores: Ignores & { hasExceptions?: boolean };
    limits?: ContextLimits;
    signal?: AbortSignal;
  },
): Promise<ContextEntry[]> {
  const limits = options.limits ?? DEFAULT_CONTEXT_LIMITS;
  const entries: ContextEntry[] = [];
  let bytes = 0;
  let visited = 0;
  const folders: string[] = [''];
  while (folders.length > 0) {
    const folder = folders.pop()!;
    for (const found of await readdir(join(root, folder), {
      withFileTypes: true,
    })) {
      options.signal?.throwIfAborted();
      visited += 1;
      if (visited > limits.maxEntries) {
        throw new InputError(
          `The build context has more than ${limits.maxEntries} files and folders, which is the limit; leave some out with a .dockerignore or narrow the context`,
        );
      }
      const path = folder === '' ? found.name : `${folder}/${found.name}`;
      const absolute = join(root, path);
      const isIgnored = options.ignores(path);
      if (found.isDirectory()) {
        if (!isIgnored) {
          entries.push({ type: 'directory', path, absolute });
        }
        if (!isIgnored || options.ignores.hasExceptions) {
          folders.push(path);
        }
        continue;
      }
      if (isIgnored) {
        continue;
      }
      if (found.isSymbolicLink()) {
        const target = await readlink(absolute);
        await resolveInside(root, path.split('/'), `Build context: link`);
        entries.push({ type: 'symlink', path, absolute, target });
        continue;
      }
      if (!found.isFile()) {
        throw new InputError(
          `The build context has "${path}", which is a device, a pipe or a socket; only files, folders and links can be built from`,
        );
      }
      const { size, mode } = await lstat(absolute);
      bytes += size;
      if (bytes > limits.maxBytes) {
        throw new InputError(
          `The build context has more than ${limits.maxBytes} bytes, which is the limit; it was reached at "${path}". Leave it out with a .dockerignore or narrow the context`,
        );
      }
      // eslint-disable-next-line no-bitwise
      const isExecutable = (mode & 0o111) !== 0;
      entries.push({ type: 'file', path, absolute, size, isExecutable });
    }
  }
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}
