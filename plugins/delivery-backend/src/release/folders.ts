import { mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { InputError } from '@backstage/errors';
import { Workspace } from '@slipway/backstage-plugin-delivery-node';

/*
 * workDirectory/<release>/<attempt>/{workspace,layouts/<image>}: caches of one
 * attempt on one machine. A release that continues elsewhere does not find
 * them and starts another attempt.
 */

const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

function segment(name: string): string {
  if (!SAFE_NAME.test(name)) {
    throw new Error(
      `"${name}" cannot name a folder: expected letters, digits, ".", "_" and "-"`,
    );
  }
  return name;
}

/** Errors of the file system, of whatever realm. */
function hasCode(error: unknown, codes: string[]): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    codes.includes(String(error.code))
  );
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (hasCode(error, ['ENOENT'])) {
      return false;
    }
    throw error;
  }
}

export interface AttemptFolders {
  readonly workspace: string;
  layout(image: string): string;
  /** Makes the folder, empty. */
  empty(folder: string): Promise<void>;
  has(folder: string): Promise<boolean>;
}

export function attemptFolders(
  workDirectory: string,
  releaseId: string,
  attempt: number,
): AttemptFolders {
  const root = join(workDirectory, segment(releaseId), String(attempt));
  return {
    workspace: join(root, 'workspace'),
    layout: image => join(root, 'layouts', segment(image)),
    async empty(folder) {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
    },
    has: isFolder,
  };
}

/** Throws away everything of a release. */
export async function removeRelease(
  workDirectory: string,
  releaseId: string,
): Promise<void> {
  await rm(join(workDirectory, segment(releaseId)), {
    recursive: true,
    force: true,
  });
}

/** Releases that have left something behind. */
export async function releasesWithFolders(
  workDirectory: string,
): Promise<string[]> {
  if (!(await isFolder(workDirectory))) {
    return [];
  }
  return (await readdir(workDirectory)).filter(name => SAFE_NAME.test(name));
}

/**
 * The real place of a path of the repository. Links inside the workspace are
 * followed; what leads out of it is as if it were not there.
 *
 * Errors: `InputError`.
 */
export async function insideWorkspace(
  root: Workspace['root'],
  path: string,
): Promise<string> {
  const missing = () => new InputError(`"${path}" is not in this commit`);
  const base = await realpath(root);
  let real: string;
  try {
    real = await realpath(join(base, path));
  } catch (error) {
    if (hasCode(error, ['ENOENT', 'ENOTDIR', 'ELOOP'])) {
      throw missing();
    }
    throw error;
  }
  if (real !== base && !real.startsWith(base + sep)) {
    throw missing();
  }
  return real;
}
