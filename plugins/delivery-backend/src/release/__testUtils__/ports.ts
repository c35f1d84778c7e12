import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError } from '@backstage/errors';
import { CommitInfo } from '@slipway/backstage-plugin-delivery-common';
import {
  ImageBuilder,
  ImageScanner,
  LayerEntry,
  OCI_MEDIA_TYPES,
  OciLayout,
  ScanResult,
  SourceFetcher,
  writeLayer,
} from '@slipway/backstage-plugin-delivery-node';

/** A repository in memory: commits, each with its whole tree. */
export class MemoryRepository implements SourceFetcher {
  readonly id = 'memory';
  readonly commits: Array<{
    commit: CommitInfo;
    files: Record<string, string>;
    describe?: { tag: string; distance: number };
  }> = [];

  handles(repository: string): boolean {
    return repository.startsWith('memory:');
  }

  add(
    files: Record<string, string>,
    describe?: { tag: string; distance: number },
  ): CommitInfo {
    const number = this.commits.length + 1;
    const commit: CommitInfo = {
      sha: createHash('sha1').update(`commit ${number}`).digest('hex'),
      message: `Commit ${number}`,
      author: 'Alice',
      committedAtMs: 1_700_000_000_000 + number * 1_000,
    };
    this.commits.push({ commit, files, describe });
    return commit;
  }

  private find(ref: string) {
    const found =
      ref === 'main'
        ? this.commits[this.commits.length - 1]
        : this.commits.find(({ commit }) => commit.sha.startsWith(ref));
    if (!found) {
      throw new InputError(`"${ref}" names no commit`);
    }
    return found;
  }

  async resolve(_source: unknown, ref: string): Promise<CommitInfo> {
    return this.find(ref).commit;
  }

  async log(
    _source: unknown,
    { limit }: { limit: number },
  ): Promise<CommitInfo[]> {
    return this.commits
      .map(({ commit }) => commit)
      .reverse()
      .slice(0, limit);
  }

  async fetch(_source: unknown, sha: string, directory: string) {
    const { commit, files, describe } = this.find(sha);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), content);
    }
    return { root: directory, commit, ...(describe && { describe }) };
  }

  async readFile(_source: unknown, sha: string, path: string) {
    const content = this.find(sha).files[path];
    return content === undefined ? undefined : Buffer.from(content);
  }
}

/** Puts every file of the context into the one layer of a real image. */
export function layoutBuilder(
  options: { fingerprint?: Record<string, string> } = {},
): ImageBuilder & { builds: number } {
  const builder: ImageBuilder & { builds: number } = {
    id: 'layout',
    builds: 0,
    async refuses(build) {
      return build.target ? 'it knows no targets' : undefined;
    },
    ...(options.fingerprint && {
      fingerprint: async () => options.fingerprint,
    }),
    async build(request) {
      builder.builds += 1;
      const context = join(request.workspace.root, request.build.context);
      const names = await readdir(context, { recursive: true });
      const entries: LayerEntry[] = [];
      for (const name of names) {
        const bytes = await readFile(join(context, name)).catch(error => {
          if (error.code === 'EISDIR') {
            return undefined;
          }
          throw error;
        });
        if (bytes) {
          entries.push({ type: 'file', path: name, bytes });
        }
      }
      const layout = await OciLayout.create(request.layout);
      const layer = await writeLayer(layout, entries, {
        mtimeSeconds: request.sourceDateEpoch,
        maxBytes: 1024 * 1024,
      });
      const configBytes = Buffer.from(
        JSON.stringify({
          architecture: 'amd64',
          os: 'linux',
          rootfs: { type: 'layers', diff_ids: [layer.diffId] },
        }),
      );
      const config = await layout.writeBlob(configBytes);
      const manifest = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: OCI_MEDIA_TYPES.manifest,
          config: {
            mediaType: OCI_MEDIA_TYPES.config,
            digest: config.digest,
            size: configBytes.length,
          },
          layers: [layer.descriptor],
          annotations: request.annotations,
        }),
      );
      const { digest } = await layout.writeBlob(manifest);
      request.log(`built ${digest}`);
      return {
        digest,
        mediaType: OCI_MEDIA_TYPES.manifest,
        sizeBytes: manifest.length + configBytes.length + layer.descriptor.size,
        inputs: { layer: layer.diffId },
        builder: { id: 'layout', version: '1' },
      };
    },
  };
  return builder;
}

/** Reads the image that it is asked about; its findings are given. */
export function givenScanner(
  given: Partial<Pick<ScanResult, 'findings' | 'notCovered'>> = {},
): ImageScanner & { scanned: string[] } {
  const scanned: string[] = [];
  return {
    id: 'given',
    scanned,
    async scan({ layout, digest, log }) {
      await (await OciLayout.open(layout)).readManifest(digest);
      scanned.push(digest);
      log(`scanned ${digest}`);
      return {
        scanner: { id: 'given', version: '1' },
        databaseUpdatedAtMs: 1_600_000_000_000,
        findings: given.findings ?? [],
        notCovered: given.notCovered ?? [],
        sbom: Buffer.from(JSON.stringify({ bomFormat: 'CycloneDX', digest })),
      };
    },
  };
}
