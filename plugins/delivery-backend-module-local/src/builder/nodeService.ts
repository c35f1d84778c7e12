import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, isError } from '@backstage/errors';
import {
  BuildRequest,
  LayerEntry,
  OciLayout,
  safeSegments,
  writeLayer,
} from '@slipway/backstage-plugin-delivery-node';
import { z } from 'zod';
import { BaseImage, pullBase } from './base';
import {
  ContextEntry,
  parseDockerignore,
  readContext,
  readDockerignore,
  resolveContextFolder,
} from './context';
import { dependencyLayer } from './dependencies';
import { addLayer, ImageState } from './image';
import { LayerCache } from './layerCache';

const APP_PATH = 'app';
const MANIFEST_MAX_BYTES = 1024 * 1024;
const APP_MAX_BYTES = 1024 ** 3;
const ALWAYS_IGNORED = parseDockerignore(
  '.git\n**/.git\nnode_modules\n.dockerignore\n.npmrc\n.env\n.env.*',
);

const packageSchema = z.object({
  name: z.string().optional(),
  main: z.string().optional(),
  scripts: z.record(z.string(), z.string()).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});

type PackageJson = z.infer<typeof packageSchema>;

async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    if (isError(error) && error.code !== undefined) {
      return false;
    }
    throw error;
  }
}

async function readPackage(contextRoot: string): Promise<PackageJson> {
  const file = join(contextRoot, 'package.json');
  if (!(await isFile(file))) {
    throw new InputError(
      'The build context has neither a Dockerfile that is named in delivery.yaml nor a package.json; add images[].build.dockerfile, or point images[].build.context at a Node service',
    );
  }
  const bytes = await readFile(file);
  let json: unknown;
  try {
    json =
      bytes.length > MANIFEST_MAX_BYTES
        ? undefined
        : JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new InputError('package.json is not JSON', error);
  }
  const parsed = packageSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(
      `package.json: ${issue.path.join('.')}: ${issue.message}`,
    );
  }
  return parsed.data;
}

/** The file that `node` runs: of `main`, of `scripts.start`, or `index.js`. */
function entryFile(
  manifest: PackageJson,
  entries: readonly ContextEntry[],
): string {
  const files = new Set(
    entries.filter(({ type }) => type === 'file').map(({ path }) => path),
  );
  const started = /^node\s+([^\s;&|-][^\s;&|]*)$/.exec(
    manifest.scripts?.start ?? '',
  )?.[1];
  for (const candidate of [manifest.main, started, 'server.js', 'index.js']) {
    if (candidate) {
      const path = safeSegments(candidate, 'package.json: main').join('/');
      const found = [path, `${path}.js`, `${path}/index.js`].find(name =>
        files.has(name),
      );
      if (found) {
        return found;
      }
      if (candidate === manifest.main) {
        throw new InputError(
          `package.json: main is "${candidate}", which the build context does not have (or its .dockerignore leaves out)`,
        );
      }
    }
  }
  throw new InputError(
    'Nothing says which file starts the service; set "main" in package.json',
  );
}

function toEntries(context: readonly ContextEntry[]): LayerEntry[] {
  return context.map(entry => {
    const path = `${APP_PATH}/${entry.path}`;
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
  });
}

/**
 * Lays out a Node service without a Dockerfile: the base, its production
 * dependencies, its files, started by `node <main>` as a user without rights.
 */
export async function buildNodeService(
  request: BuildRequest,
  options: {
    layout: OciLayout;
    cache: LayerCache;
    cacheDirectory: string;
    baseImage: string;
    packageHosts?: readonly string[];
  },
): Promise<{
  image: ImageState;
  base: BaseImage;
  inputs: Record<string, string>;
}> {
  const { log, signal, workspace, build, sourceDateEpoch } = request;
  const { layout, cache } = options;
  const contextRoot = await resolveContextFolder(workspace.root, build.context);
  const manifest = await readPackage(contextRoot);
  const ignored = await readDockerignore(contextRoot);
  const context = await readContext(contextRoot, {
    ignores: Object.assign(
      (path: string) => ALWAYS_IGNORED(path) || ignored(path),
      { hasExceptions: ignored.hasExceptions },
    ),
    signal,
  });
  const main = entryFile(manifest, context);
  log(`Base image ${options.baseImage}`);
  const base = await pullBase(options.baseImage, {
    registry: request.registry,
    cache: cache.blobs,
    layout,
    signal,
  });
  const image: ImageState = structuredClone(base.state);
  const inputs: Record<string, string> = {};
  const wantsDependencies =
    Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
      .length > 0;
  if (wantsDependencies) {
    if (!(await isFile(join(contextRoot, 'package-lock.json')))) {
      throw new InputError(
        'The service has dependencies and no package-lock.json; run "npm install" and commit it, so that every build gets the same ones',
      );
    }
    const dependencies = await dependencyLayer({
      contextRoot,
      cache,
      cacheDirectory: options.cacheDirectory,
      packageHosts: options.packageHosts,
      appPath: APP_PATH,
      log,
      signal,
    });
    if (dependencies) {
      await layout.importBlob(
        cache.blobs,
        dependencies.layer.descriptor.digest,
      );
      addLayer(image, dependencies.layer, {
        created: new Date(0).toISOString(),
        created_by: 'slipway: production dependencies',
      });
      inputs.dependencies = dependencies.key;
    }
  }
  const app = await writeLayer(layout, toEntries(context), {
    // The commit's time and not a fixed one: servers of static files make
    // their cache keys from size and time.
    mtimeSeconds: sourceDateEpoch,
    maxBytes: APP_MAX_BYTES,
    signal,
    isLowerFolder: path => path === APP_PATH,
  });
  addLayer(image, app, {
    created: new Date(sourceDateEpoch * 1000).toISOString(),
    created_by: 'slipway: application',
  });
  log(`Application: ${context.length} entries, ${app.descriptor.size} bytes`);
  image.config = {
    ...image.config,
    WorkingDir: `/${APP_PATH}`,
    Entrypoint: ['node', main],
    User: '1000:1000',
  };
  delete image.config.Cmd;
  inputs.application = app.diffId;
  return { image, base, inputs };
}
