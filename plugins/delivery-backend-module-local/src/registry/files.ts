import { randomUUID } from 'node:crypto';
import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isError } from '@backstage/errors';

function isMissing(error: unknown): boolean {
  return (
    isError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
  );
}

/** `undefined`: there is no such file. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) {
      return undefined;
    }
    throw error;
  }
}

/** `undefined`: there is nothing. */
export async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) {
      return undefined;
    }
    throw error;
  }
}

/** Names in a folder, sorted by bytes; none when it is not there. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (isMissing(error)) {
      return [];
    }
    throw error;
  }
}

/** A reader sees the old file or the whole new one, also after a crash. */
export async function replaceFile(
  path: string,
  bytes: Buffer | string,
): Promise<void> {
  const temporary = join(dirname(path), `.partial-${randomUUID()}`);
  await mkdir(dirname(path), { recursive: true });
  try {
    const handle = await open(temporary, 'wx', 0o644);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
