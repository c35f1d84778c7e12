import fs from 'node:fs';
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
} from 'node:fs/promises';
import { createServer } from 'node:http';
import { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import git from 'isomorphic-git';
import { logText, makeRepository } from '../testing';
import { createLocalGitFetcher } from './fetcher';
import { checkReference } from './references';

jest.setTimeout(60_000);

const signal = new AbortController().signal;

describe('the git fetcher', () => {
  let directory: string;
  let repository: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-git-'));
    repository = join(directory, 'repositories', 'shop');
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  const fetcher = (allowedHosts: string[] = []) =>
    createLocalGitFetcher({
      allowedRoots: [join(directory, 'repositories')],
      allowedHosts,
      cacheDirectory: join(directory, 'cache'),
    });

  const at = (path: string = repository) => ({
    service: 'component:default/shop',
    repository: path,
  });

  async function fetchTo(
    name: string,
    sha: string,
    limits = { maxBytes: 1_000_000, maxFiles: 100 },
  ) {
    const target = join(directory, name);
    await mkdir(target);
    return fetcher().fetch(at(), sha, target, {
      log: logText().log,
      signal,
      limits,
    });
  }

  it('writes the tree of exactly the commit that was asked for', async () => {
    const [first, second, third] = await makeRepository(repository, [
      {
        message: 'One',
        files: {
          'src/index.js': 'one',
          'run.sh': '#!/bin/sh',
          'link.js': '-> src/index.js',
        },
        executable: ['run.sh'],
        tag: 'v1.0.0',
      },
      { message: 'Two', files: { 'src/index.js': 'two' } },
      { message: 'Three', files: { 'run.sh': undefined } },
    ]);
    const workspace = await fetchTo('one', first);
    expect(workspace.describe).toEqual({ tag: 'v1.0.0', distance: 0 });
    expect(workspace.commit).toEqual({
      sha: first,
      message: 'One',
      author: 'Test',
      committedAtMs: 1_700_000_000_000,
    });
    expect((await readdir(join(directory, 'one'))).sort()).toEqual([
      'link.js',
      'run.sh',
      'src',
    ]);
    expect(await readlink(join(directory, 'one/link.js'))).toBe('src/index.js');
    // eslint-disable-next-line no-bitwise
    expect((await lstat(join(directory, 'one/run.sh'))).mode & 0o111).not.toBe(
      0,
    );
    expect((await fetchTo('three', third)).describe).toEqual({
      tag: 'v1.0.0',
      distance: 2,
    });
    expect(await readdir(join(directory, 'three'))).not.toContain('run.sh');
    expect(
      (
        await fetcher().readFile(at(), second, 'src/index.js', signal)
      )?.toString(),
    ).toBe('two');
    expect(
      await fetcher().readFile(at(), second, 'src/absent.js', signal),
    ).toBeUndefined();
    expect(
      await fetcher().readFile(at(), second, 'src', signal),
    ).toBeUndefined();
  });

  it('resolves branches, tags and short ids, from paths and from file addresses', async () => {
    const [first, second] = await makeRepository(repository, [
      { message: 'One', files: { a: '1' }, tag: 'v1.0.0' },
      { message: 'Two', files: { a: '2' }, branch: 'feature/x' },
    ]);
    const found = async (ref: string, path = repository) =>
      (await fetcher().resolve(at(path), ref, signal)).sha;
    expect(await found('main')).toBe(first);
    expect(await found('feature/x')).toBe(second);
    expect(await found('v1.0.0')).toBe(first);
    expect(await found('refs/tags/v1.0.0')).toBe(first);
    expect(await found(second.slice(0, 8))).toBe(second);
    expect(await found(second, pathToFileURL(repository).href)).toBe(second);
    expect(await found('HEAD')).toBe(second);
    const log = await fetcher().log(
      at(),
      { ref: 'feature/x', limit: 10 },
      signal,
    );
    expect(log.map(({ message }) => message)).toEqual(['Two', 'One']);
  });

  it('says what is wrong with a reference that names nothing', async () => {
    await makeRepository(repository, [{ message: 'One', files: { a: '1' } }]);
    for (const ref of ['nowhere', 'deadbeef', 'f'.repeat(40), 'refs/heads/x']) {
      await expect(fetcher().resolve(at(), ref, signal)).rejects.toMatchObject({
        name: 'InputError',
      });
    }
  });

  it.each([
    '--upload-pack=touch /tmp/x',
    '-c',
    'main;id',
    'main..other',
    'main^{tree}',
    'main~1',
    'a:b',
    '@{upstream}',
    '../../etc/passwd',
    '.hidden',
    'a/.hidden',
    'a.lock',
    'a b',
    'a\nb',
    'a\0b',
    '',
    'x'.repeat(300),
    '/main',
    'main/',
    '*',
  ])('refuses the reference %j before it looks at anything', async ref => {
    await expect(
      fetcher().resolve(at('/nonexistent'), ref, signal),
    ).rejects.toMatchObject({
      name: expect.stringMatching(/InputError|NotFoundError/),
    });
    expect(() => checkReference(ref)).toThrow(/not a valid git reference/);
  });

  it('lets no reference through that begins like an option or climbs', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), text => {
        let accepted = true;
        try {
          checkReference(text);
        } catch (error) {
          accepted = false;
        }
        const isHostile =
          /^-|\.\.|[\s~^:?*[\\]|^\/|\/$|\/\//.test(text) || text === '';
        expect(accepted && isHostile).toBe(false);
      }),
    );
  });

  it('refuses repositories outside the allowed folders, also through a link', async () => {
    await makeRepository(join(directory, 'outside'), [
      { message: 'One', files: { a: '1' } },
    ]);
    await mkdir(join(directory, 'repositories'), { recursive: true });
    await symlink(
      join(directory, 'outside'),
      join(directory, 'repositories/link'),
    );
    for (const path of [
      join(directory, 'outside'),
      join(directory, 'repositories/link'),
      join(directory, 'repositories/../outside'),
    ]) {
      await expect(
        fetcher().resolve(at(path), 'main', signal),
      ).rejects.toMatchObject({ name: 'NotAllowedError' });
    }
    await expect(
      fetcher().resolve(
        at(join(directory, 'repositories/none')),
        'main',
        signal,
      ),
    ).rejects.toMatchObject({ name: 'NotFoundError' });
  });

  it('refuses links out of the workspace, submodules and names for git itself', async () => {
    for (const [name, target] of [
      ['absolute', '/etc/passwd'],
      ['climbing', '../../outside'],
      ['through', 'climb/../../x'],
    ]) {
      await rm(repository, { recursive: true, force: true });
      const [sha] = await makeRepository(repository, [
        {
          message: 'One',
          files: {
            'a/b': '1',
            ...(name === 'through' && { climb: '-> a/..' }),
            link: `-> ${target}`,
          },
        },
      ]);
      await expect(fetchTo(name, sha)).rejects.toThrow(
        /only links within the repository|leads out/,
      );
    }
    const tree = async (mode: string, path: string) => {
      const blob = await git.writeBlob({
        fs,
        dir: repository,
        blob: Buffer.from('x'),
      });
      const oid = await git.writeTree({
        fs,
        dir: repository,
        tree: [
          {
            mode,
            path,
            oid: blob,
            type: mode === '160000' ? 'commit' : 'blob',
          },
        ],
      });
      return git.commit({
        fs,
        dir: repository,
        message: 'Raw',
        tree: oid,
        author: { name: 'x', email: 'x' },
      });
    };
    await expect(
      fetchTo('submodule', await tree('160000', 'vendor')),
    ).rejects.toThrow(/submodule "vendor".*Commit its content/);
    await expect(
      fetchTo('dotgit', await tree('100644', '.GIT')),
    ).rejects.toThrow(/not written/);
  });

  it('stops at its limits', async () => {
    const [sha] = await makeRepository(repository, [
      {
        message: 'One',
        files: Object.fromEntries(
          Array.from({ length: 20 }, (_, index) => [
            `f${index}`,
            'x'.repeat(100),
          ]),
        ),
      },
    ]);
    await expect(
      fetchTo('files', sha, { maxBytes: 1_000_000, maxFiles: 10 }),
    ).rejects.toThrow(/more than 10 files/);
    await expect(
      fetchTo('bytes', sha, { maxBytes: 1_000, maxFiles: 100 }),
    ).rejects.toThrow(/more than 1000 bytes/);
  });

  it('speaks to allowed hosts only, also when it is redirected', async () => {
    const server = createServer((request, response) => {
      response.writeHead(302, {
        location: request.url?.startsWith('/a')
          ? 'http://169.254.169.254/latest/'
          : 'file:///etc/passwd',
      });
      response.end();
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    try {
      const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const remote = (path: string) => at(`http://${host}/${path}`);
      expect(fetcher().handles(`http://${host}/a`)).toBe(false);
      expect(fetcher([host]).handles(`http://${host}/a`)).toBe(true);
      await expect(
        fetcher().resolve(remote('a'), 'main', signal),
      ).rejects.toMatchObject({ name: 'NotAllowedError' });
      await expect(
        fetcher([host]).resolve(remote('a'), 'main', signal),
      ).rejects.toThrow(/169\.254\.169\.254 are not allowed/);
      await expect(
        fetcher([host]).resolve(remote('b'), 'main', signal),
      ).rejects.toThrow(/not by "file:"/);
      await expect(
        fetcher([host]).resolve(
          at(`http://bob:secret@${host}/a`),
          'main',
          signal,
        ),
      ).rejects.toThrow(expect.not.stringContaining('secret'));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('reads a real repository over http', async () => {
    const [, second] = await makeRepository(repository, [
      { message: 'One', files: { a: '1' }, tag: 'v1' },
      { message: 'Two', files: { a: '2' } },
    ]);
    const backend = gitHttpBackend();
    if (!backend) {
      console.warn('SKIPPED: no git http-backend on this machine');
      return;
    }
    const server = await backend.serve(join(directory, 'repositories'));
    try {
      const source = at(`http://${server.host}/shop/.git`);
      const remote = fetcher([server.host]);
      expect((await remote.resolve(source, 'main', signal)).sha).toBe(second);
      const target = join(directory, 'remote');
      await mkdir(target);
      const workspace = await remote.fetch(source, second, target, {
        log: logText().log,
        signal,
        limits: { maxBytes: 1000, maxFiles: 10 },
      });
      expect(workspace.describe).toEqual({ tag: 'v1', distance: 1 });
      expect(await readFile(join(target, 'a'), 'utf8')).toBe('2');
    } finally {
      server.stop();
    }
  });
});

/** Debian's git serves repositories by CGI; used where it is installed. */
function gitHttpBackend() {
  const program = ['/usr/lib/git-core/git-http-backend'].find(path =>
    fs.existsSync(path),
  );
  return program
    ? { serve: (root: string) => serveGit(program, root) }
    : undefined;
}

async function serveGit(program: string, root: string) {
  const { spawn } = jest.requireActual('node:child_process');
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const child = spawn(program, [], {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        CONTENT_LENGTH: request.headers['content-length'] ?? '',
      },
    });
    request.pipe(child.stdin);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', () => {
      const out = Buffer.concat(chunks);
      const end = out.indexOf('\r\n\r\n');
      const headers = Object.fromEntries(
        out
          .subarray(0, end)
          .toString()
          .split('\r\n')
          .map(line => line.split(/:\s*/, 2)),
      );
      response.writeHead(Number(headers.Status?.slice(0, 3) ?? 200), headers);
      response.end(out.subarray(end + 4));
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
