import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createBackendModule } from '@backstage/backend-plugin-api';
import { InputError } from '@backstage/errors';
import { CommitInfo } from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  ImageBuilder,
  ImageScanner,
  OCI_MEDIA_TYPES,
  OciLayout,
  RegistryAccess,
  SourceFetcher,
  deliveryConnectionExtensionPoint,
  deliveryReleaseExtensionPoint,
  digestOf,
  plainRenderer,
} from '@slipway/backstage-plugin-delivery-node';

/** A repository in memory: one branch, each commit a whole tree. */
export class MemoryRepository implements SourceFetcher {
  readonly id = 'memory';
  readonly #commits: Array<{ info: CommitInfo; files: Map<string, string> }> =
    [];

  commit(message: string, files: Record<string, string>): CommitInfo {
    const number = this.#commits.length + 1;
    const info: CommitInfo = {
      sha: number.toString(16).padStart(40, '0'),
      message,
      author: 'A Developer',
      committedAtMs: 1_700_000_000_000 + number * 1_000,
    };
    this.#commits.unshift({ info, files: new Map(Object.entries(files)) });
    return info;
  }

  handles(repository: string) {
    return repository.startsWith('memory:');
  }

  #find(ref: string) {
    const found =
      ref === 'main' || ref === 'HEAD'
        ? this.#commits[0]
        : this.#commits.find(({ info }) => info.sha === ref);
    if (!found) {
      throw new InputError(`No commit "${ref}"`);
    }
    return found;
  }

  async resolve(_source: unknown, ref: string) {
    return this.#find(ref).info;
  }

  async log(_source: unknown, options: { limit: number }) {
    return this.#commits.slice(0, options.limit).map(({ info }) => info);
  }

  async fetch(_source: unknown, sha: string, directory: string) {
    const { info, files } = this.#find(sha);
    for (const [path, text] of files) {
      const file = join(directory, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    return { root: directory, commit: info };
  }

  async readFile(_source: unknown, sha: string, path: string) {
    const text = this.#find(sha).files.get(path);
    return text === undefined ? undefined : Buffer.from(text);
  }
}

/** Writes an image whose only content names the commit. */
export const memoryBuilder: ImageBuilder = {
  id: 'memory',
  refuses: async () => undefined,
  async build({ layout: directory, workspace, image }) {
    const layout = await OciLayout.create(directory);
    const config = await layout.writeBlob(
      Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux' })),
    );
    const layer = await layout.writeBlob(Buffer.from(workspace.commit.sha));
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MEDIA_TYPES.manifest,
        config: { mediaType: OCI_MEDIA_TYPES.config, ...config },
        layers: [{ mediaType: OCI_MEDIA_TYPES.layerTar, ...layer }],
      }),
    );
    const { digest, size } = await layout.writeBlob(manifest);
    await layout.addToIndex({
      mediaType: OCI_MEDIA_TYPES.manifest,
      digest,
      size,
    });
    return {
      digest: digestOf(manifest),
      mediaType: OCI_MEDIA_TYPES.manifest,
      sizeBytes: size,
      inputs: { commit: workspace.commit.sha, image },
      builder: { id: 'memory', version: '1' },
    };
  },
};

/** Finds nothing, and says what it did not look at. */
export const memoryScanner: ImageScanner = {
  id: 'memory',
  scan: async () => ({
    scanner: { id: 'memory', version: '1' },
    databaseUpdatedAtMs: 1,
    findings: [],
    notCovered: ['operating system packages'],
    sbom: Buffer.from(JSON.stringify({ bomFormat: 'CycloneDX' })),
  }),
};

/** A module that brings everything from memory. */
export function memoryModule(options: {
  repository: MemoryRepository;
  registry: RegistryAccess;
  connection: (name: string) => Promise<Connection>;
}) {
  return createBackendModule({
    pluginId: 'delivery',
    moduleId: 'memory',
    register(env) {
      env.registerInit({
        deps: {
          release: deliveryReleaseExtensionPoint,
          connections: deliveryConnectionExtensionPoint,
        },
        async init({ release, connections }) {
          release.addSourceFetcher(options.repository);
          release.addImageBuilder(memoryBuilder);
          release.setImageScanner(memoryScanner);
          release.setRegistry(options.registry);
          connections.addConnectionFactory({
            type: 'memory',
            create: async name => ({
              ...(await options.connection(name)),
              renderers: [plainRenderer],
            }),
          });
        },
      });
    },
  });
}
