import fs from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  InputError,
  NotAllowedError,
  NotFoundError,
  isError,
} from '@backstage/errors';
import git from 'isomorphic-git';
import { checkReference, isFullSha } from './references';

/** An opened repository: the folder that holds `HEAD` and `objects`. */
export interface OpenRepository {
  gitdir: string;
  /** For messages. */
  name: string;
  cache: object;
}

/** The path of a repository on this machine, or `undefined` for a real URL. */
export function localPathOf(repository: string): string | undefined {
  if (isAbsolute(repository)) {
    return repository;
  }
  if (repository.startsWith('file://')) {
    try {
      return fileURLToPath(repository);
    } catch (error) {
      throw new InputError(
        `"${repository}" is not the address of a folder on this machine`,
        error,
      );
    }
  }
  return undefined;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isError(error) && error.code !== undefined) {
      return false;
    }
    throw error;
  }
}

/**
 * Opens a repository in the file system. Links are followed first, so a link
 * below an allowed root cannot lead out of it.
 *
 * Errors: `NotAllowedError` outside the allowed roots, `NotFoundError` when
 * there is no repository.
 */
export async function openLocalRepository(
  path: string,
  allowedRoots: readonly string[],
): Promise<OpenRepository> {
  let real: string;
  try {
    real = await realpath(resolve(path));
  } catch (error) {
    throw new NotFoundError(`There is no git repository at ${path}`, error);
  }
  let isAllowed = false;
  for (const root of allowedRoots) {
    if (await isFolder(root)) {
      const realRoot = await realpath(root);
      isAllowed =
        isAllowed || real === realRoot || real.startsWith(realRoot + sep);
    }
  }
  if (!isAllowed) {
    throw new NotAllowedError(
      `Repository ${path} does not lie below a folder that the platform allows; add its folder to delivery.local.git.roots`,
    );
  }
  const inside = join(real, '.git');
  if (await isFolder(join(inside, 'objects'))) {
    return { gitdir: inside, name: path, cache: {} };
  }
  if (
    (await isFolder(join(real, 'objects'))) &&
    (await isFolder(join(real, 'refs')))
  ) {
    return { gitdir: real, name: path, cache: {} };
  }
  // Only to say it better: it is an error either way.
  const pointer = await readFile(inside, 'utf8').catch(() => undefined);
  throw new NotFoundError(
    pointer?.startsWith('gitdir:')
      ? `${path} is a linked working tree; give the path of the main repository`
      : `There is no git repository at ${path}`,
  );
}

async function tryRef(
  { gitdir }: OpenRepository,
  ref: string,
): Promise<string | undefined> {
  try {
    return await git.resolveRef({ fs, gitdir, ref });
  } catch (error) {
    if (error instanceof git.Errors.NotFoundError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * The commit that a branch, tag or id names now. A branch wins over a tag, as
 * nothing else could be released from a branch whose name is taken.
 *
 * Errors: `InputError` when it names nothing, more than one commit, or
 * something that is no commit.
 */
export async function resolveCommit(
  repository: OpenRepository,
  ref: string,
): Promise<string> {
  const name = checkReference(ref);
  const { gitdir, cache } = repository;
  const candidates = name.startsWith('refs/')
    ? [name]
    : [
        ...(name === 'HEAD' ? ['HEAD'] : []),
        `refs/heads/${name}`,
        `refs/tags/${name}`,
        `refs/remotes/origin/${name}`,
      ];
  let oid: string | undefined;
  for (const candidate of candidates) {
    oid = oid ?? (await tryRef(repository, candidate));
  }
  if (!oid && /^[0-9a-f]{4,64}$/.test(name)) {
    oid = isFullSha(name)
      ? name
      : await git
          .expandOid({ fs, gitdir, oid: name, cache })
          .catch((error: unknown) => {
            if (error instanceof git.Errors.AmbiguousError) {
              throw new InputError(
                `Commit id "${name}" is the beginning of several objects in ${repository.name}; give more digits`,
              );
            }
            if (error instanceof git.Errors.NotFoundError) {
              return undefined;
            }
            throw error;
          });
  }
  const nothing = () =>
    new InputError(
      `"${name}" names no commit in ${repository.name}; expected a branch, a tag or a commit id that was pushed`,
    );
  if (!oid) {
    throw nothing();
  }
  try {
    // Follows annotated tags to what they name.
    const { oid: commit } = await git.readCommit({ fs, gitdir, oid, cache });
    return commit;
  } catch (error) {
    if (error instanceof git.Errors.NotFoundError) {
      throw nothing();
    }
    if (error instanceof git.Errors.ObjectTypeError) {
      throw new InputError(
        `"${name}" in ${repository.name} is not a commit but another kind of object`,
        error,
      );
    }
    throw error;
  }
}
