import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageBuilder } from '@slipway/backstage-plugin-delivery-node';
import { hashBuildInputs } from './buildInputs';
import { collectBundle, decodeBundle, encodeBundle } from './bundle';
import { attemptFolders, insideWorkspace } from './folders';
import { createRedactor } from './redact';
import { tagOf, versionOf } from './version';

let root: string;
let outside: string;
const { signal } = new AbortController();

beforeEach(async () => {
  const base = await mkdtemp(join(tmpdir(), 'slipway-workspace-'));
  root = join(base, 'workspace');
  outside = join(base, 'outside');
  await mkdir(join(root, 'deploy'), { recursive: true });
  await mkdir(outside);
  await writeFile(join(outside, 'secret'), 'secret');
  await writeFile(join(root, 'deploy/a.yaml'), 'a');
});

afterEach(() => rm(join(root, '..'), { recursive: true, force: true }));

describe('nothing outside the workspace is read', () => {
  it('through links, at any place of a path', async () => {
    await symlink(outside, join(root, 'out'));
    await symlink(join(outside, 'secret'), join(root, 'deploy/b.yaml'));
    await symlink('../../outside', join(root, 'deploy/up'));
    for (const path of [
      'out',
      'out/secret',
      'deploy/b.yaml',
      'deploy/up/secret',
      '../outside/secret',
    ]) {
      await expect(insideWorkspace(root, path)).rejects.toThrow(
        /is not in this commit/,
      );
    }
    await expect(collectBundle(root, ['deploy'], signal)).rejects.toThrow(
      /"deploy\/b.yaml" is not in this commit/,
    );
  });

  it('and a link that stays inside is followed, but no folder into itself', async () => {
    await symlink('a.yaml', join(root, 'deploy/b.yaml'));
    const bundle = await collectBundle(root, ['deploy'], signal);
    expect([...bundle.keys()]).toEqual(['deploy/a.yaml', 'deploy/b.yaml']);
    expect(decodeBundle(encodeBundle(bundle))).toEqual(bundle);
    await symlink('.', join(root, 'deploy/loop'));
    await expect(collectBundle(root, ['deploy'], signal)).rejects.toThrow(
      /is a link to a folder/,
    );
  });

  it('and names of releases and images are no paths', () => {
    const folder = (release: string, image?: string) => {
      const folders = attemptFolders('/work', release, 1);
      return image === undefined ? folders.workspace : folders.layout(image);
    };
    expect(folder('r', 'app')).toBe('/work/r/1/layouts/app');
    for (const name of ['..', 'a/b', '', '.hidden', 'a\u0000']) {
      expect(() => folder(name)).toThrow(/cannot name a folder/);
      expect(() => folder('r', name)).toThrow(/cannot name a folder/);
    }
  });

  it('and manifests are bounded', async () => {
    await writeFile(join(root, 'deploy/big'), Buffer.alloc(11 * 1024 * 1024));
    await expect(collectBundle(root, ['deploy'], signal)).rejects.toThrow(
      /more than 2000 files or 10485760 bytes/,
    );
  });
});

describe('a Build is found again by everything that goes in', () => {
  const builder: ImageBuilder = {
    id: 'b',
    refuses: async () => undefined,
    build: async () => {
      throw new Error('Not asked for');
    },
    fingerprint: async () => ({ version: '1', base: 'sha256:1' }),
  };
  const hash = (over: Partial<Parameters<typeof hashBuildInputs>[0]> = {}) =>
    hashBuildInputs({
      builder,
      build: { context: 'deploy', args: {} },
      workspace: {
        root,
        commit: { sha: 'a', message: '', author: '', committedAtMs: 0 },
      },
      registry: { url: 'http://127.0.0.1:1', host: '127.0.0.1:1' },
      signal,
      ...over,
    });

  it('and by nothing else', async () => {
    const before = await hash();
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    await writeFile(join(root, 'README.md'), 'outside the context');
    expect(await hash()).toBe(before);
    const hashes = new Set([before]);
    const expectNew = async (value: Promise<string | undefined>) => {
      const found = await value;
      expect(hashes).not.toContain(found);
      hashes.add(found);
    };
    await expectNew(hash({ build: { context: 'deploy', args: { A: '1' } } }));
    await expectNew(
      hash({ build: { context: 'deploy', args: {}, target: 'x' } }),
    );
    await expectNew(
      hash({ build: { context: 'deploy', args: {}, dockerfile: 'README.md' } }),
    );
    await expectNew(
      hash({
        builder: { ...builder, fingerprint: async () => ({ version: '2' }) },
      }),
    );
    await writeFile(join(root, 'deploy/a.yaml'), 'b');
    await expectNew(hash());
    await writeFile(join(root, 'deploy/run.sh'), '');
    await expectNew(hash());
    await rm(join(root, 'deploy/run.sh'));
    await writeFile(join(root, 'deploy/run.sh'), '', { mode: 0o755 });
    await expectNew(hash());
    await symlink('a.yaml', join(root, 'deploy/link'));
    await expectNew(hash());
  });

  it('or never, when the builder cannot say what it brings', async () => {
    const { fingerprint: _none, ...silent } = builder;
    expect(await hash({ builder: silent })).toBeUndefined();
    expect(
      await hash({
        builder: { ...builder, fingerprint: async () => undefined },
      }),
    ).toBeUndefined();
  });
});

it('versions are the tag, or the nearest one, or the commit, and always a valid image tag', () => {
  const sha = '0123456789abcdef0123456789abcdef01234567';
  expect(versionOf(sha)).toBe('0.0.0-0123456');
  expect(versionOf(sha, { tag: 'v1', distance: 0 })).toBe('v1');
  expect(versionOf(sha, { tag: 'v1', distance: 3 })).toBe('v1-3-g0123456');
  expect(tagOf('release/1.0+build')).toBe('release-1.0-build');
  expect(tagOf('-x')).toBe('v-x');
  expect(tagOf('ü'.repeat(300))).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
});

it.each([
  'https://alice:hunter22@git.example.com/x',
  'Authorization: Bearer hunter22hunter22',
  'npm_config_password=hunter22',
  '{"auth_token": "hunter22"}',
  'API_KEY: hunter22',
  'it is hunter22 in plain sight',
])('logs never show the secret of: %s', text => {
  const redact = createRedactor(['hunter22']);
  expect(redact(text)).not.toContain('hunter22');
  const unaware = createRedactor();
  // What does not look like a secret is one only for whoever knows it.
  expect(unaware(text).includes('hunter22')).toBe(text.startsWith('it is'));
  expect(redact('nothing secret at https://git.example.com/x:8080')).toBe(
    'nothing secret at https://git.example.com/x:8080',
  );
});

it('redacting a hostile line takes no time', () => {
  const redact = createRedactor(['secret']);
  for (const piece of [
    'https://a',
    'password',
    'eyJaaaaaaaa.',
    '\u001b[',
    'a.b-',
    'bearer ',
  ]) {
    const startedAt = Date.now();
    redact(piece.repeat(5_000 / piece.length));
    expect(Date.now() - startedAt).toBeLessThan(2_000);
  }
});
