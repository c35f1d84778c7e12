import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FetchLimits, SourceFetcher, SourceLocation } from '../ports';

/**
 * A repository with two commits on its default branch:
 *
 * 1. `a.txt` with the text "one", tagged `v1.0.0`
 * 2. `a.txt` with the text "two", and `folder/b.txt`
 *
 * @public
 */
export interface SourceFetcherHarness {
  fetcher: SourceFetcher;
  source: SourceLocation;
  branch: string;
  /** The ids of both commits, oldest first. */
  commits: [string, string];
  /** An empty folder for the workspaces of these tests. */
  directory: string;
  close(): Promise<void>;
}

const LIMITS: FetchLimits = { maxBytes: 1_000_000, maxFiles: 100 };

/**
 * What every `SourceFetcher` adapter promises.
 *
 * @public
 */
export function describeSourceFetcherContract(
  name: string,
  createHarness: () => Promise<SourceFetcherHarness>,
): void {
  describe(`${name} keeps the contract of SourceFetcher`, () => {
    const { signal } = new AbortController();
    let harness: SourceFetcherHarness;
    let workspaces = 0;
    beforeAll(async () => {
      harness = await createHarness();
    });
    afterAll(async () => {
      await harness?.close();
    });

    async function fetchInto(sha: string, limits: FetchLimits = LIMITS) {
      workspaces += 1;
      const directory = join(harness.directory, `workspace-${workspaces}`);
      await mkdir(directory, { recursive: true });
      return harness.fetcher.fetch(harness.source, sha, directory, {
        log: () => {},
        signal,
        limits,
      });
    }

    it('resolves a branch, a tag, and whole and abbreviated ids', async () => {
      const { fetcher, source, branch, commits } = harness;
      const [first, second] = commits;
      expect(fetcher.handles(source.repository)).toBe(true);
      for (const [ref, sha] of [
        [branch, second],
        ['v1.0.0', first],
        [first, first],
        [second.slice(0, 10), second],
      ]) {
        expect(await fetcher.resolve(source, ref, signal)).toMatchObject({
          sha,
          author: expect.any(String),
          committedAtMs: expect.any(Number),
        });
      }
    });

    it.each([
      'no-such-branch',
      '--upload-pack=touch /tmp/owned',
      '-n',
      '../../etc/passwd',
      'a..b',
      'refs/heads/\u0000',
      '',
      'f'.repeat(40),
    ])('refuses the reference %j as bad input', async ref => {
      const { fetcher, source } = harness;
      await expect(fetcher.resolve(source, ref, signal)).rejects.toMatchObject({
        name: 'InputError',
      });
    });

    it('writes exactly the tree of the commit', async () => {
      const [first, second] = harness.commits;
      const old = await fetchInto(first);
      expect((await readdir(old.root)).sort()).toEqual(['a.txt']);
      expect(await readFile(join(old.root, 'a.txt'), 'utf8')).toMatch(/^one/);
      expect(old.describe).toMatchObject({ tag: 'v1.0.0', distance: 0 });
      const now = await fetchInto(second);
      expect((await readdir(now.root)).sort()).toEqual(['a.txt', 'folder']);
      expect(now.commit.sha).toBe(second);
      expect(now.describe).toMatchObject({ tag: 'v1.0.0', distance: 1 });
    });

    it('keeps to its limits', async () => {
      const [, second] = harness.commits;
      await expect(
        fetchInto(second, { ...LIMITS, maxFiles: 1 }),
      ).rejects.toMatchObject({ name: 'InputError' });
      await expect(
        fetchInto(second, { ...LIMITS, maxBytes: 2 }),
      ).rejects.toMatchObject({ name: 'InputError' });
    });

    it('reads one file of a commit, and nothing where there is none', async () => {
      const { fetcher, source, commits } = harness;
      const [first, second] = commits;
      const read = async (sha: string, path: string) =>
        (await fetcher.readFile(source, sha, path, signal))?.toString('utf8');
      expect(await read(first, 'a.txt')).toMatch(/^one/);
      expect(await read(second, 'a.txt')).toMatch(/^two/);
      expect(await read(first, 'folder/b.txt')).toBeUndefined();
      expect(await read(second, 'folder')).toBeUndefined();
    });

    it('lists commits, newest first', async () => {
      const { fetcher, source, branch, commits } = harness;
      const list = async (limit: number) =>
        (await fetcher.log(source, { ref: branch, limit }, signal)).map(
          ({ sha }) => sha,
        );
      expect(await list(10)).toEqual([...commits].reverse());
      expect(await list(1)).toEqual([commits[1]]);
    });
  });
}
