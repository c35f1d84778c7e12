import fs from 'node:fs';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '@backstage/errors';
import {
  assertLinksStayInside,
  FetchLimits,
  safeSegments,
} from '@slipway/backstage-plugin-delivery-node';
import git, { TreeEntry } from 'isomorphic-git';
import { OpenRepository } from './repositories';

const MAX_DEPTH = 100;
const LINK_MAX_BYTES = 4096;

/** Writes one commit's tree; see {@link writeTree}. */
class TreeWriter {
  files = 0;
  bytes = 0;

  constructor(
    private readonly repository: OpenRepository,
    private readonly directory: string,
    private readonly limits: FetchLimits,
    private readonly signal: AbortSignal,
  ) {}

  async folder(oid: string, path: string[]): Promise<void> {
    if (path.length > MAX_DEPTH) {
      throw new InputError(
        `The repository has folders more than ${MAX_DEPTH} deep: ${path
          .slice(0, 5)
          .join('/')}/...`,
      );
    }
    const { gitdir, cache } = this.repository;
    const { tree } = await git
      .readTree({ fs, gitdir, oid, cache })
      .catch((error: unknown) => {
        if (error instanceof git.Errors.UnsafeFilepathError) {
          throw new InputError(
            `The repository has a name that is not written: ${error.message}`,
          );
        }
        throw error;
      });
    for (const entry of tree) {
      this.signal.throwIfAborted();
      this.checkName(entry, path);
      this.files += 1;
      if (this.files > this.limits.maxFiles) {
        throw new InputError(
          `The repository has more than ${this.limits.maxFiles} files and folders, which is the limit; narrow it or raise the limit`,
        );
      }
      await this.entry(entry, [...path, entry.path]);
    }
  }

  private checkName({ path }: TreeEntry, folder: string[]): void {
    const where = `The repository's folder "${folder.join('/') || '.'}"`;
    const segments = safeSegments(path, where);
    if (segments.length !== 1 || path.includes('/') || /^\.git$/i.test(path)) {
      throw new InputError(
        `${where} has an entry named ${JSON.stringify(
          path.slice(0, 100),
        )}, which is not written`,
      );
    }
  }

  private async entry(entry: TreeEntry, path: string[]): Promise<void> {
    const target = join(this.directory, ...path);
    const shown = path.join('/');
    switch (entry.mode) {
      case '040000':
        await mkdir(target);
        await this.folder(entry.oid, path);
        return;
      case '160000':
        throw new InputError(
          `The repository has the submodule "${shown}"; submodules are not fetched. Commit its content, or release from the repository that holds it`,
        );
      case '120000': {
        const bytes = await this.blob(entry.oid, shown);
        const link = bytes.toString('utf8');
        if (
          bytes.length > LINK_MAX_BYTES ||
          link.startsWith('/') ||
          link.includes('\0') ||
          link === ''
        ) {
          throw new InputError(
            `The repository has the link "${shown}" to ${JSON.stringify(
              link.slice(0, 100),
            )}; only links within the repository are allowed`,
          );
        }
        await symlink(link, target);
        return;
      }
      default: {
        await writeFile(target, await this.blob(entry.oid, shown), {
          flag: 'wx',
        });
        if (entry.mode === '100755') {
          await chmod(target, 0o755);
        }
      }
    }
  }

  private async blob(oid: string, shown: string): Promise<Buffer> {
    const { gitdir, cache } = this.repository;
    const { blob } = await git.readBlob({ fs, gitdir, oid, cache });
    this.bytes += blob.length;
    if (this.bytes > this.limits.maxBytes) {
      throw new InputError(
        `The repository has more than ${this.limits.maxBytes} bytes, which is the limit; it was reached at "${shown}"`,
      );
    }
    return Buffer.from(blob.buffer, blob.byteOffset, blob.length);
  }
}

/**
 * Writes the tree of exactly this commit below an empty folder. What is
 * refused is refused before anything outside the folder could be touched: a
 * link is never written through, for names in a tree are new.
 *
 * Errors: `InputError` for submodules, links that lead out, and limits.
 */
export async function writeTree(
  repository: OpenRepository,
  sha: string,
  directory: string,
  limits: FetchLimits,
  signal: AbortSignal,
): Promise<{ files: number; bytes: number }> {
  const { gitdir, cache } = repository;
  const { commit } = await git.readCommit({ fs, gitdir, oid: sha, cache });
  const writer = new TreeWriter(repository, directory, limits, signal);
  await writer.folder(commit.tree, []);
  await assertLinksStayInside(directory, 'The repository');
  return { files: writer.files, bytes: writer.bytes };
}
