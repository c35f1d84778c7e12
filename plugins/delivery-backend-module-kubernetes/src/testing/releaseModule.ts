import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createBackendModule } from '@backstage/backend-plugin-api';
import { InputError } from '@backstage/errors';
import { CommitInfo } from '@slipway/backstage-plugin-delivery-common';
import {
  ImageBuilder,
  ImageScanner,
  OCI_MEDIA_TYPES,
  OciLayout,
  RegistryAccess,
  SourceFetcher,
  createRegistryClient,
  deliveryReleaseExtensionPoint,
} from '@slipway/backstage-plugin-delivery-node';
import { writeTestImage } from './images';
import { TestServiceOptions } from './service';

/*
 * How releases are made in tests of the engine on a cluster: the commits are in
 * memory, the images are real.
 */

/** One branch; each commit is a whole tree, and says how its service behaves. */
export class TestRepository implements SourceFetcher {
  readonly id = 'test';
  readonly #commits: Array<{
    info: CommitInfo;
    files: Record<string, string>;
    service: TestServiceOptions;
  }> = [];

  commit(
    service: TestServiceOptions,
    files: Record<string, string>,
  ): CommitInfo {
    const number = this.#commits.length + 1;
    const info: CommitInfo = {
      sha: number.toString(16).padStart(40, '0'),
      message: service.version,
      author: 'A Developer',
      committedAtMs: Date.now(),
    };
    this.#commits.unshift({ info, files, service });
    return info;
  }

  find(ref: string) {
    const found = this.#commits.find(
      ({ info }) => ref === 'main' || ref === 'HEAD' || info.sha === ref,
    );
    if (!found) {
      throw new InputError(`There is no commit "${ref}"`);
    }
    return found;
  }

  handles(repository: string) {
    return repository.startsWith('test:');
  }

  async resolve(_source: unknown, ref: string) {
    return this.find(ref).info;
  }

  async log(_source: unknown, options: { limit: number }) {
    return this.#commits.slice(0, options.limit).map(({ info }) => info);
  }

  async fetch(_source: unknown, sha: string, directory: string) {
    const { info, files } = this.find(sha);
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), text);
    }
    return { root: directory, commit: info };
  }

  async readFile(_source: unknown, sha: string, path: string) {
    const text = this.find(sha).files[path];
    return text === undefined ? undefined : Buffer.from(text);
  }
}

function createBuilder(
  repository: TestRepository,
  registry: RegistryAccess,
): ImageBuilder {
  return {
    id: 'test',
    refuses: async () => undefined,
    async build({ layout: directory, workspace }) {
      const { sha } = workspace.commit;
      const { digest, size } = await writeTestImage({
        registry: createRegistryClient(registry),
        layout: await OciLayout.create(directory),
        service: repository.find(sha).service,
      });
      return {
        digest,
        mediaType: OCI_MEDIA_TYPES.manifest,
        sizeBytes: size,
        inputs: { commit: sha },
        builder: { id: 'test', version: '1' },
      };
    },
  };
}

const scanner: ImageScanner = {
  id: 'test',
  scan: async () => ({
    scanner: { id: 'test', version: '1' },
    findings: [],
    notCovered: ['everything: this is a test'],
    sbom: Buffer.from(JSON.stringify({ bomFormat: 'CycloneDX' })),
  }),
};

/** A module of the delivery plugin that makes releases of the repository. */
export function testReleaseModule(options: {
  repository: TestRepository;
  registry: RegistryAccess;
}) {
  return createBackendModule({
    pluginId: 'delivery',
    moduleId: 'test-release',
    register(env) {
      env.registerInit({
        deps: { release: deliveryReleaseExtensionPoint },
        async init({ release }) {
          const { repository, registry } = options;
          release.addSourceFetcher(repository);
          release.addImageBuilder(createBuilder(repository, registry));
          release.setImageScanner(scanner);
          release.setRegistry(registry);
        },
      });
    },
  });
}
