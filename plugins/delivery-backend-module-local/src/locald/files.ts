import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isError } from '@backstage/errors';

/** The whole file or the old one: never half a file, whatever is killed. */
export async function writeAtomically(
  path: string,
  text: string,
  mode = 0o600,
): Promise<void> {
  const temporary = join(dirname(path), `.partial-${randomUUID()}`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** `undefined`: no such file. */
export async function readTextIfThere(
  path: string,
): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Whether it is an error with this code. Errors of the system may come from
 * another realm (a test's sandbox), so their class says nothing.
 */
export function hasCode(error: unknown, code: string | number): boolean {
  return isError(error) && error.code === code;
}

export function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT');
}

/** A text to one path segment that is unique and harmless on every disk. */
export function fileNameFor(text: string): string {
  return encodeURIComponent(text).replace(/[%*.~!'()]/g, '_');
}
