import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { InputError } from '@backstage/errors';

/** A path of the bundle: relative, without `.` and `..`. */
export function bundlePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) {
        throw new InputError(`"${path}" leads out of the repository`);
      }
    } else if (part !== '' && part !== '.') {
      parts.push(part);
    }
  }
  return parts.join('/');
}

/** The files of the bundle below `prefix` in a folder of their own while `use` runs. */
export async function withFolder<T>(
  bundle: Map<string, Buffer>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await realpath(
    await mkdtemp(join(tmpdir(), 'slipway-render-')),
  );
  try {
    for (const [path, bytes] of bundle) {
      const file = join(folder, bundlePath(path));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, bytes);
    }
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
