import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '@backstage/errors';
import {
  LayerEntry,
  StageLog,
  writeLayer,
  WrittenLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { ContextEntry, parseDockerignore, readContext } from './context';
import { LayerCache, layerKey } from './layerCache';
import {
  contentKey,
  LAYER_LIMITS,
  readLocalPackages,
  sourceOf,
} from './localPackages';
import { LockedDependencies, readLockFile } from './lockFile';
import { configuredRegistry, npmInstall } from './npmInstall';

/** Raised when the same lock file would give another layer. */
const LAYER_FORMAT = '1';
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
    limits: LAYER_LIMITS,
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
    const local = await readLocalPackages(locked.local, {
      contextRoot,
      scratch,
      signal,
    });
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
      maxBytes: LAYER_LIMITS.maxBytes,
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
