import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError } from '@backstage/errors';
import {
  createUnpackBudget,
  LayerEntry,
  OCI_MEDIA_TYPES,
  resolveInside,
  StageLog,
  unpackLayer,
  writeLayer,
  WrittenLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { ContextEntry, parseDockerignore, readContext } from './context';
import { LayerCache, layerKey } from './layerCache';
import { LocalPackage, LockedDependencies, readLockFile } from './lockFile';
import { configuredRegistry, npmInstall } from './npmInstall';

/** Raised when the same lock file would give another layer. */
const LAYER_FORMAT = '1';
const LIMITS = { maxEntries: 200_000, maxBytes: 2 * 1024 ** 3 };
const INNER_IGNORES = parseDockerignore('**/node_modules\n.git');
const INSTALLED_IGNORES = parseDockerignore('.package-lock.json\n.cache');

export interface DependencyOptions {
  contextRoot: string;
  cache: LayerCache;
  cacheDirectory: string;
  /** Hosts that tarballs may come from; the configured registry's by default. */
  packageHosts?: readonly string[];
  /** Where in the image the application lies. */
  appPath: string;
  log: StageLog;
  signal: AbortSignal;
}

async function hashFile(path: string, algorithm: string): Promise<Buffer> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
  }
  return hash.digest();
}

/** Places in the context, checked: links may not lead out of it. */
async function sourceOf(
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

function toLayerEntry(entry: ContextEntry, path: string): LayerEntry {
  switch (entry.type) {
    case 'directory':
      return { type: 'directory', path };
    case 'symlink':
      return { type: 'symlink', path, target: entry.target };
    default:
      return {
        type: 'file',
        path,
        file: entry.absolute,
        size: entry.size,
        mode: entry.isExecutable ? 0o755 : 0o644,
      };
  }
}

/** The content of local packages, in a place where it can be read from. */
class LocalPackages {
  constructor(
    private readonly options: DependencyOptions,
    private readonly packages: LocalPackage[],
    private readonly scratch: string,
  ) {}

  /** The files of each package, by where it is installed. */
  async read(): Promise<Map<string, ContextEntry[]>> {
    const found = new Map<string, ContextEntry[]>();
    for (const [index, local] of this.packages.entries()) {
      const source = await sourceOf(this.options.contextRoot, local);
      const root =
        local.kind === 'folder'
          ? source
          : await this.unpack(source, local, String(index));
      const entries = await readContext(root, {
        ignores: INNER_IGNORES,
        limits: LIMITS,
        signal: this.options.signal,
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
  private async unpack(
    source: string,
    local: LocalPackage,
    name: string,
  ): Promise<string> {
    await checkIntegrity(source, local);
    const target = join(this.scratch, 'tarballs', name);
    await mkdir(target, { recursive: true });
    await unpackLayer(createReadStream(source), target, {
      mediaType: OCI_MEDIA_TYPES.layerGzip,
      budget: createUnpackBudget(LIMITS),
      where: `Package "${local.sourcePath}"`,
      signal: this.options.signal,
    });
    const entries = await readContext(target, {
      ignores: parseDockerignore(''),
      limits: LIMITS,
    });
    const top = entries.find(({ path }) => /^[^/]+\/package\.json$/.test(path));
    return top ? dirname(top.absolute) : target;
  }
}

async function contentKey(
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

async function installed(
  options: DependencyOptions,
  locked: LockedDependencies,
  scratch: string,
): Promise<ContextEntry[]> {
  const { contextRoot, log, signal, cacheDirectory } = options;
  const registry = await configuredRegistry(scratch, signal);
  const allowed = new Set([...(options.packageHosts ?? []), registry.host]);
  const foreign = locked.hosts.find(host => !allowed.has(host));
  if (foreign) {
    throw new InputError(
      `package-lock.json takes packages from ${foreign}; allowed: ${[
        ...allowed,
      ].join(', ')}. The platform can add it to delivery.local.packageHosts`,
    );
  }
  const directory = join(scratch, 'install');
  await mkdir(directory, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) {
    await writeFile(
      join(directory, name),
      await readFile(join(contextRoot, name)),
    );
  }
  for (const local of locked.local) {
    const source = await sourceOf(contextRoot, local);
    await cp(source, join(directory, local.sourcePath), {
      recursive: true,
      dereference: false,
      filter: path =>
        !/[\\/]node_modules([\\/]|$)/.test(path.slice(source.length)),
    });
  }
  await npmInstall({
    directory,
    cacheDirectory: join(cacheDirectory, 'npm'),
    registry,
    log,
    signal,
  });
  const locals = new Set(locked.local.map(local => local.installPath));
  const entries = await readContext(directory, {
    ignores: INSTALLED_IGNORES,
    limits: LIMITS,
    signal,
  });
  return entries.filter(
    ({ path }) =>
      (path === 'node_modules' || path.startsWith('node_modules/')) &&
      path !== 'node_modules/.package-lock.json' &&
      // Local packages are laid out by us, as files and not as links.
      ![...locals].some(
        installPath =>
          path === installPath || path.startsWith(`${installPath}/`),
      ),
  );
}

/**
 * Makes the layer of a service's production dependencies from its
 * `package-lock.json`, or finds the one that was made before: the lock file
 * and the content of the local packages decide. Its time is fixed, so that it
 * stays the same when only the application changes.
 *
 * `undefined`: the service has no dependencies.
 */
export async function dependencyLayer(
  options: DependencyOptions,
): Promise<{ layer: WrittenLayer; key: string; reused: boolean } | undefined> {
  const { contextRoot, cache, log, signal, appPath } = options;
  const lockText = await readFile(join(contextRoot, 'package-lock.json'));
  const locked = readLockFile(lockText.toString('utf8'), 'package-lock.json');
  if (locked.local.length === 0 && !locked.needsRegistry) {
    return undefined;
  }
  const scratch = await mkdtemp(join(options.cacheDirectory, 'build-'));
  try {
    const local = await new LocalPackages(
      options,
      locked.local,
      scratch,
    ).read();
    const key = layerKey([
      LAYER_FORMAT,
      process.platform,
      process.arch,
      process.versions.modules,
      appPath,
      lockText,
      await contentKey(local),
    ]);
    const known = await cache.find(key);
    if (known) {
      log(`Dependencies: reused layer ${known.descriptor.digest}`);
      return { layer: known, key, reused: true };
    }
    const entries: LayerEntry[] = [];
    if (locked.needsRegistry) {
      for (const entry of await installed(options, locked, scratch)) {
        entries.push(toLayerEntry(entry, `${appPath}/${entry.path}`));
      }
    }
    for (const [installPath, files] of local) {
      log(`Dependencies: ${installPath} from the repository`);
      for (const file of files) {
        entries.push(
          toLayerEntry(file, `${appPath}/${installPath}/${file.path}`),
        );
      }
    }
    const layer = await writeLayer(cache.blobs, entries, {
      mtimeSeconds: 0,
      maxBytes: LIMITS.maxBytes,
      signal,
      isLowerFolder: path => path === appPath,
    });
    await cache.remember(key, layer);
    log(
      `Dependencies: new layer ${layer.descriptor.digest}, ${layer.descriptor.size} bytes`,
    );
    return { layer, key, reused: false };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
