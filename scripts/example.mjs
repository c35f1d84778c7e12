// Makes the example's git repository and catalog file below the data folder.
// Only what is missing is made: a person's own commits stay.
import fs from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import git from 'isomorphic-git';
import nodeFs from 'node:fs';

const AUTHOR = { name: 'Storefront Team', email: 'storefront@example.com' };
const FIRST_COMMIT = Date.UTC(2026, 8, 1, 9, 0, 0) / 1000;

async function copyTree(from, to) {
  await fs.cp(from, to, { recursive: true });
}

async function clearWorkTree(directory) {
  for (const entry of await fs.readdir(directory)) {
    if (entry !== '.git') {
      await fs.rm(path.join(directory, entry), { recursive: true });
    }
  }
}

async function commitTree(directory, message, timestamp) {
  const status = await git.statusMatrix({ fs: nodeFs, dir: directory });
  for (const [filepath, , workdir] of status) {
    if (workdir === 0)
      await git.remove({ fs: nodeFs, dir: directory, filepath });
    else await git.add({ fs: nodeFs, dir: directory, filepath });
  }
  const author = { ...AUTHOR, timestamp, timezoneOffset: 0 };
  return git.commit({
    fs: nodeFs,
    dir: directory,
    message,
    author,
    committer: author,
  });
}

export async function makeRepository(source, directory, variant) {
  if (existsSync(path.join(directory, '.git'))) return false;
  // Made beside its place and moved there whole, so that an interrupted first
  // start leaves no half repository behind.
  const draft = `${directory}.draft`;
  await fs.rm(draft, { recursive: true, force: true });
  await fs.mkdir(draft, { recursive: true });
  await git.init({ fs: nodeFs, dir: draft, defaultBranch: 'main' });
  const history = JSON.parse(
    await fs.readFile(path.join(source, 'history.json'), 'utf8'),
  );
  for (const [index, entry] of history.entries()) {
    await clearWorkTree(draft);
    await copyTree(path.join(source, 'base'), draft);
    if (variant) await copyTree(variant, draft);
    if (entry.change)
      await copyTree(path.join(source, 'changes', entry.change), draft);
    const sha = await commitTree(
      draft,
      entry.message,
      FIRST_COMMIT + index * 86_400,
    );
    if (entry.tag)
      await git.tag({ fs: nodeFs, dir: draft, ref: entry.tag, object: sha });
  }
  await fs.rename(draft, directory);
  return true;
}

export async function makeCatalog(source, directory, repositories) {
  await fs.mkdir(directory, { recursive: true });
  for (const file of await fs.readdir(source)) {
    const text = await fs.readFile(path.join(source, file), 'utf8');
    await fs.writeFile(
      path.join(directory, file),
      text.replaceAll('${REPOSITORIES}', repositories.replaceAll('\\', '/')),
    );
  }
}
