import fs from 'node:fs';
import { CommitInfo } from '@slipway/backstage-plugin-delivery-common';
import git, { ReadCommitResult } from 'isomorphic-git';
import { OpenRepository } from './repositories';

/** How far back the nearest tag is looked for. */
const MAX_DESCRIBE_COMMITS = 5_000;

function toCommitInfo({ oid, commit }: ReadCommitResult): CommitInfo {
  return {
    sha: oid,
    message: commit.message.trim(),
    author: commit.author.name,
    committedAtMs: commit.committer.timestamp * 1000,
  };
}

export async function readCommit(
  { gitdir, cache }: OpenRepository,
  sha: string,
): Promise<CommitInfo> {
  return toCommitInfo(await git.readCommit({ fs, gitdir, oid: sha, cache }));
}

/** Newest first. */
export async function readLog(
  { gitdir, cache }: OpenRepository,
  sha: string,
  limit: number,
): Promise<CommitInfo[]> {
  const found = await git.log({ fs, gitdir, ref: sha, depth: limit, cache });
  return found.map(toCommitInfo);
}

async function tagsByCommit({
  gitdir,
  cache,
}: OpenRepository): Promise<Map<string, string>> {
  const tags = new Map<string, string>();
  for (const tag of (await git.listTags({ fs, gitdir })).sort()) {
    const oid = await git.resolveRef({ fs, gitdir, ref: `refs/tags/${tag}` });
    try {
      const commit = await git.readCommit({ fs, gitdir, oid, cache });
      tags.set(commit.oid, tag);
    } catch (error) {
      // A tag may name a file or a tree, which is nobody's version.
      if (!(error instanceof git.Errors.ObjectTypeError)) {
        throw error;
      }
    }
  }
  return tags;
}

/** The commits reachable from one, nearest first, until `stop` or the limit. */
async function walk(
  { gitdir, cache }: OpenRepository,
  from: string,
  stop: (sha: string) => boolean,
): Promise<{ seen: Set<string>; stoppedAt?: string }> {
  const seen = new Set<string>([from]);
  let level = [from];
  while (level.length > 0 && seen.size < MAX_DESCRIBE_COMMITS) {
    const next: string[] = [];
    for (const sha of level) {
      if (stop(sha)) {
        return { seen, stoppedAt: sha };
      }
      const { commit } = await git.readCommit({ fs, gitdir, oid: sha, cache });
      for (const parent of commit.parent) {
        if (!seen.has(parent)) {
          seen.add(parent);
          next.push(parent);
        }
      }
    }
    level = next;
  }
  return { seen };
}

/**
 * The nearest tag among the ancestors, and how many commits the commit has
 * that the tag has not, as `git describe --tags` counts.
 */
export async function describeCommit(
  repository: OpenRepository,
  sha: string,
): Promise<{ tag: string; distance: number } | undefined> {
  const tags = await tagsByCommit(repository);
  if (tags.size === 0) {
    return undefined;
  }
  const { stoppedAt } = await walk(repository, sha, commit => tags.has(commit));
  if (!stoppedAt) {
    return undefined;
  }
  const { seen: ours } = await walk(repository, sha, () => false);
  const { seen: theirs } = await walk(repository, stoppedAt, () => false);
  const distance = [...ours].filter(commit => !theirs.has(commit)).length;
  return { tag: tags.get(stoppedAt)!, distance };
}
