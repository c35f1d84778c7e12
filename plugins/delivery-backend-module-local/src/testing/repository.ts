import fs from 'node:fs';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import git from 'isomorphic-git';

/** One commit of a repository made for a test. */
export interface RepositoryCommit {
  message: string;
  /** Text, a link (`-> target`), or `undefined` to remove the file. */
  files: Record<string, string | undefined>;
  executable?: string[];
  tag?: string;
  branch?: string;
}

/** Makes a real git repository; returns the ids of its commits. */
export async function makeRepository(
  directory: string,
  commits: RepositoryCommit[],
): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const repository = { fs, dir: directory };
  await git.init({ ...repository, defaultBranch: 'main' });
  const shas: string[] = [];
  for (const [index, commit] of commits.entries()) {
    if (commit.branch) {
      await git.branch({ ...repository, ref: commit.branch, checkout: true });
    }
    for (const [path, content] of Object.entries(commit.files)) {
      const target = join(directory, path);
      await rm(target, { force: true });
      if (content === undefined) {
        await git.remove({ ...repository, filepath: path });
        continue;
      }
      await mkdir(dirname(target), { recursive: true });
      if (content.startsWith('-> ')) {
        await symlink(content.slice(3), target);
      } else {
        await writeFile(target, content);
      }
      if (commit.executable?.includes(path)) {
        await chmod(target, 0o755);
      }
      await git.add({ ...repository, filepath: path });
    }
    const author = {
      name: 'Test',
      email: 'test@example.com',
      timestamp: 1_700_000_000 + index * 60,
      timezoneOffset: 0,
    };
    shas.push(
      await git.commit({ ...repository, message: commit.message, author }),
    );
    if (commit.tag) {
      await git.tag({ ...repository, ref: commit.tag });
    }
  }
  return shas;
}
