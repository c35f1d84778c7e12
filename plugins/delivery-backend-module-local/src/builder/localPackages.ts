import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError } from '@backstage/errors';
import {
  createUnpackBudget,
  OCI_MEDIA_TYPES,
  resolveInside,
  unpackLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { ContextEntry, parseDockerignore, readContext } from './context';
import { LocalPackage } from './lockFile';

/*
 * Dependencies that lie in the repository itself: folders and tarballs that the
 * lock file names.
 */

/** Of everything that is read for one layer. */
export const LAYER_LIMITS = { maxEntries: 200_000, maxBytes: 2 * 1024 ** 3 };
const INNER_IGNORES = parseDockerignore('**/node_modules\n.git');

async function hashFile(path: string, algorithm: string): Promise<Buffer> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
  }
  return hash.digest();
}

/** Places in the context, checked: links may not lead out of it. */
export async function sourceOf(
  contextRoot: string,
  local: LocalPackage,
): Promise<string> {
  const where = `package-lock.json: "${local.installPath}"`;
  const path = await resolveInside(
    contextRoot,
    local.sourcePath.split('/'),
    where,
  );
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  });
  const isRight =
    local.kind === 'folder' ? found?.isDirectory() : found?.isFile();
  if (!isRight) {
    throw new InputError(
      `${where} is the ${local.kind} "${local.sourcePath}", which the build context does not have`,
    );
  }
  return path;
}

async function checkIntegrity(path: string, local: LocalPackage) {
  const match = /^(sha512|sha256|sha1)-([A-Za-z0-9+/=]+)$/.exec(
    local.integrity?.split(' ')[0] ?? '',
  );
  if (!match) {
    return;
  }
  const found = (await hashFile(path, match[1])).toString('base64');
  if (found !== match[2]) {
    throw new InputError(
      `The tarball "${local.sourcePath}" is not the one that package-lock.json was made with (its ${match[1]} differs); run "npm install" and commit the lock file`,
    );
  }
}

interface Reading {
  contextRoot: string;
  /** Where tarballs are unpacked. */
  scratch: string;
  signal: AbortSignal;
}

/** The files of each package, by where it is installed. */
export async function readLocalPackages(
  packages: LocalPackage[],
  reading: Reading,
): Promise<Map<string, ContextEntry[]>> {
  const found = new Map<string, ContextEntry[]>();
  for (const [index, local] of packages.entries()) {
    const source = await sourceOf(reading.contextRoot, local);
    const root =
      local.kind === 'folder'
        ? source
        : await unpack(source, local, String(index), reading);
    const entries = await readContext(root, {
      ignores: INNER_IGNORES,
      limits: LAYER_LIMITS,
      signal: reading.signal,
    });
    if (!entries.some(({ path }) => path === 'package.json')) {
      throw new InputError(
        `The package "${local.sourcePath}" has no package.json`,
      );
    }
    found.set(local.installPath, entries);
  }
  return found;
}

/** An npm tarball has one folder at its top, commonly `package`. */
async function unpack(
  source: string,
  local: LocalPackage,
  name: string,
  { scratch, signal }: Reading,
): Promise<string> {
  await checkIntegrity(source, local);
  const target = join(scratch, 'tarballs', name);
  await mkdir(target, { recursive: true });
  await unpackLayer(createReadStream(source), target, {
    mediaType: OCI_MEDIA_TYPES.layerGzip,
    budget: createUnpackBudget(LAYER_LIMITS),
    where: `Package "${local.sourcePath}"`,
    signal,
  });
  const entries = await readContext(target, {
    ignores: parseDockerignore(''),
    limits: LAYER_LIMITS,
  });
  const top = entries.find(({ path }) => /^[^/]+\/package\.json$/.test(path));
  return top ? dirname(top.absolute) : target;
}

/** Another one as soon as anything in them is different. */
export async function contentKey(
  packages: Map<string, ContextEntry[]>,
): Promise<string> {
  const hash = createHash('sha256');
  for (const [installPath, entries] of packages) {
    for (const entry of entries) {
      hash.update(`${installPath}\0${entry.path}\0${entry.type}\0`);
      if (entry.type === 'file') {
        hash.update(entry.isExecutable ? 'x' : '-');
        hash.update(await hashFile(entry.absolute, 'sha256'));
      } else if (entry.type === 'symlink') {
        hash.update(`${entry.target}\0`);
      }
    }
  }
  return hash.digest('hex');
}
