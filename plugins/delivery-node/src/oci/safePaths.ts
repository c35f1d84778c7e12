import { lstat, readdir, readlink } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { InputError, isError } from '@backstage/errors';

const MAX_LINK_HOPS = 40;
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096;

async function lstatOrUndefined(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (
      isError(error) &&
      (error.code === 'ENOENT' || error.code === 'ENOTDIR')
    ) {
      return undefined;
    }
    throw error;
  }
}

/**
 * A name from an archive or a repository as its segments.
 *
 * Errors: `InputError` for absolute names, `..`, NUL, and names that no file
 * system takes. The empty list is the root itself.
 *
 * @public
 */
export function safeSegments(name: string, where: string): string[] {
  const shown = JSON.stringify(name.slice(0, 200));
  if (name.includes('\0')) {
    throw new InputError(`${where} has the name ${shown} with a zero byte`);
  }
  if (name.startsWith('/') || /^[A-Za-z]:[\\/]/.test(name)) {
    throw new InputError(
      `${where} has the absolute name ${shown}; names must be relative`,
    );
  }
  if (Buffer.byteLength(name) > MAX_PATH_BYTES) {
    throw new InputError(
      `${where} has a name of more than ${MAX_PATH_BYTES} bytes: ${shown}...`,
    );
  }
  const segments = name
    .split('/')
    .filter(segment => segment !== '' && segment !== '.');
  for (const segment of segments) {
    if (segment === '..') {
      throw new InputError(
        `${where} has the name ${shown}, which leads out by ".."`,
      );
    }
    if (Buffer.byteLength(segment) > MAX_NAME_BYTES) {
      throw new InputError(
        `${where} has a name part of more than ${MAX_NAME_BYTES} bytes in ${shown}`,
      );
    }
    if (sep === '\\' && segment.includes('\\')) {
      throw new InputError(
        `${where} has the name ${shown} with a backslash, which this system reads as a separator`,
      );
    }
  }
  return segments;
}

/**
 * Follows a path below `root` as the kernel would, but refuses to leave the
 * root on the way: neither by `..` nor by an absolute link. What does not
 * exist yet is taken as it is written. Returns the real path.
 *
 * Errors: `InputError` when the path leads out or links go in a circle.
 *
 * @public
 */
export async function resolveInside(
  root: string,
  segments: readonly string[],
  where: string,
  options: { followLast?: boolean } = {},
): Promise<string> {
  const pending = [...segments];
  const done: string[] = [];
  let hops = 0;
  while (pending.length > 0) {
    const segment = pending.shift()!;
    if (segment === '' || segment === '.') {
      continue;
    }
    if (segment === '..') {
      if (done.length === 0) {
        throw new InputError(
          `${where} leads out of its root by a link: ${segments.join('/')}`,
        );
      }
      done.pop();
      continue;
    }
    const path = join(root, ...done, segment);
    const isLast = pending.length === 0;
    if (isLast && options.followLast === false) {
      done.push(segment);
      continue;
    }
    const found = await lstatOrUndefined(path);
    if (!found?.isSymbolicLink()) {
      done.push(segment);
      continue;
    }
    hops += 1;
    if (hops > MAX_LINK_HOPS) {
      throw new InputError(
        `${where} goes through more than ${MAX_LINK_HOPS} links: ${segments.join(
          '/',
        )}`,
      );
    }
    const target = await readlink(path);
    if (target.startsWith('/')) {
      throw new InputError(
        `${where} goes through the absolute link ${[...done, segment].join(
          '/',
        )} -> ${target}`,
      );
    }
    pending.unshift(...target.split('/'));
  }
  return join(root, ...done);
}

/**
 * Walks a whole tree and refuses it when any symbolic link in it, followed to
 * its end, leads out of the tree.
 *
 * A look at each link's text alone is not enough: a link may go through
 * another one that makes its `..` climb higher than it seems.
 *
 * @public
 */
export async function assertLinksStayInside(
  root: string,
  where: string,
): Promise<void> {
  const folders = [root];
  while (folders.length > 0) {
    const folder = folders.pop()!;
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        folders.push(path);
      } else if (entry.isSymbolicLink()) {
        const segments = relative(root, path).split(sep);
        await resolveInside(root, segments, `${where}: link`);
      }
    }
  }
}
