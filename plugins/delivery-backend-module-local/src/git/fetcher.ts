import fs from 'node:fs';
import { InputError } from '@backstage/errors';
import {
  SourceFetcher,
  SourceLocation,
} from '@slipway/backstage-plugin-delivery-node';
import git from 'isomorphic-git';
import { writeTree } from './checkout';
import { describeCommit, readCommit, readLog } from './history';
import { checkRepositoryPath, isFullSha } from './references';
import { mirrorRemote } from './remote';
import {
  localPathOf,
  openLocalRepository,
  OpenRepository,
  resolveCommit,
} from './repositories';

const MAX_LOG = 500;

/** @public */
export interface LocalGitFetcherOptions {
  /** Folders below which repositories may lie. */
  allowedRoots: string[];
  /** `host` or `host:port` of remote repositories; none when empty. */
  allowedHosts?: string[];
  /** Where copies of remote repositories are kept. */
  cacheDirectory: string;
}

/**
 * Reads git repositories on this machine, and by http(s) from hosts that the
 * platform allows, without a git program.
 *
 * @public
 */
export function createLocalGitFetcher(
  options: LocalGitFetcherOptions,
): SourceFetcher {
  const allowedHosts = options.allowedHosts ?? [];

  async function open(
    source: SourceLocation,
    signal: AbortSignal,
  ): Promise<OpenRepository> {
    signal.throwIfAborted();
    const path = localPathOf(source.repository);
    return path !== undefined
      ? openLocalRepository(path, options.allowedRoots)
      : mirrorRemote(source.repository, {
          directory: options.cacheDirectory,
          allowedHosts,
          signal,
        });
  }

  async function openAt(
    source: SourceLocation,
    sha: string,
    signal: AbortSignal,
  ): Promise<OpenRepository> {
    if (!isFullSha(sha)) {
      throw new InputError(
        `"${sha.slice(
          0,
          100,
        )}" is not a full commit id; resolve the reference first`,
      );
    }
    const repository = await open(source, signal);
    await resolveCommit(repository, sha);
    return repository;
  }

  return {
    id: 'local-git',

    handles(repository) {
      return (
        localPathOf(repository) !== undefined ||
        (URL.canParse(repository) &&
          ['http:', 'https:'].includes(new URL(repository).protocol) &&
          allowedHosts.includes(new URL(repository).host))
      );
    },

    async resolve(source, ref, signal) {
      const repository = await open(source, signal);
      return readCommit(repository, await resolveCommit(repository, ref));
    },

    async log(source, { ref, limit }, signal) {
      const repository = await open(source, signal);
      const sha = await resolveCommit(
        repository,
        ref ?? source.defaultBranch ?? 'HEAD',
      );
      return readLog(repository, sha, Math.min(Math.max(limit, 1), MAX_LOG));
    },

    async fetch(source, sha, directory, { log, signal, limits }) {
      const repository = await openAt(source, sha, signal);
      const commit = await readCommit(repository, sha);
      log(`Fetching ${sha} of ${repository.name}`);
      const written = await writeTree(
        repository,
        sha,
        directory,
        limits,
        signal,
      );
      log(`Wrote ${written.files} files and folders, ${written.bytes} bytes`);
      const describe = await describeCommit(repository, sha);
      return { root: directory, commit, ...(describe && { describe }) };
    },

    async readFile(source, sha, path, signal) {
      const filepath = checkRepositoryPath(path);
      const { gitdir, cache } = await openAt(source, sha, signal);
      try {
        const { blob } = await git.readBlob({
          fs,
          gitdir,
          oid: sha,
          filepath,
          cache,
        });
        return Buffer.from(blob);
      } catch (error) {
        if (
          error instanceof git.Errors.NotFoundError ||
          error instanceof git.Errors.ObjectTypeError
        ) {
          return undefined;
        }
        throw error;
      }
    },
  };
}
