import { InputError } from '@backstage/errors';
import { safeSegments } from '@slipway/backstage-plugin-delivery-node';
import { z } from 'zod';

const lockSchema = z.object({
  lockfileVersion: z.number(),
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      resolved: z.string().optional(),
      link: z.boolean().optional(),
      dev: z.boolean().optional(),
      devOptional: z.boolean().optional(),
      optional: z.boolean().optional(),
      inBundle: z.boolean().optional(),
      integrity: z.string().optional(),
    }),
  ),
});

/** A package of this repository that a service depends on. */
export interface LocalPackage {
  /** Where it is looked up: `node_modules/@storefront/price-format`. */
  installPath: string;
  /** Folder or tarball, relative to the context. */
  sourcePath: string;
  kind: 'folder' | 'tarball';
  integrity?: string;
}

/** What a `package-lock.json` asks for in production. */
export interface LockedDependencies {
  local: LocalPackage[];
  /** Whether anything comes from a package registry. */
  needsRegistry: boolean;
  /** Hosts that tarballs are fetched from, as the lock file names them. */
  hosts: string[];
}

/**
 * Reads a lock file of npm 7 or later.
 *
 * Errors: `InputError` for older ones, for dependencies on git repositories,
 * and for local ones outside the context.
 */
export function readLockFile(text: string, file: string): LockedDependencies {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file} is not JSON`, error);
  }
  const parsed = lockSchema.safeParse(json);
  if (!parsed.success || parsed.data.lockfileVersion < 2) {
    throw new InputError(
      `${file} is not a lock file of npm 7 or later (lockfileVersion 2 or 3); run "npm install" with a current npm and commit it`,
    );
  }
  const local: LocalPackage[] = [];
  const hosts = new Set<string>();
  let needsRegistry = false;
  for (const [path, entry] of Object.entries(parsed.data.packages)) {
    if (path === '' || entry.dev || !/(^|\/)node_modules\//.test(path)) {
      continue;
    }
    safeSegments(path, file);
    const { resolved = '' } = entry;
    if (entry.link) {
      local.push({
        installPath: path,
        sourcePath: localPath(resolved, path, file),
        kind: 'folder',
      });
    } else if (resolved.startsWith('file:')) {
      local.push({
        installPath: path,
        sourcePath: localPath(resolved.slice('file:'.length), path, file),
        kind: 'tarball',
        integrity: entry.integrity,
      });
    } else if (entry.inBundle) {
      // It comes inside of another package's tarball.
      continue;
    } else {
      needsRegistry = true;
      if (resolved !== '') {
        hosts.add(hostOf(resolved, path, file));
      }
    }
  }
  return { local, needsRegistry, hosts: [...hosts].sort() };
}

function localPath(path: string, name: string, file: string): string {
  return safeSegments(path, `${file}: "${name}"`).join('/');
}

function hostOf(resolved: string, name: string, file: string): string {
  const url = URL.canParse(resolved) ? new URL(resolved) : undefined;
  if (!url || url.protocol.startsWith('git') || url.protocol === 'ssh:') {
    throw new InputError(
      `${file}: "${name}" comes from ${JSON.stringify(
        resolved.slice(0, 120),
      )}; dependencies on git repositories are not built. Publish it as a package, or put its tarball into the repository`,
    );
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new InputError(
      `${file}: "${name}" comes from an address of protocol "${url.protocol}"; expected https`,
    );
  }
  return url.host;
}
