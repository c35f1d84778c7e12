import {
  chmod,
  mkdtemp,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { EnvEntry } from './protocol';
import { readSecrets } from './secrets';
import { ensureVersionKey, secretVersions } from './secretVersions';

const KEY = Buffer.alloc(32, 7);

function uses(name: string, ...keys: string[]): EnvEntry[] {
  return keys.map(key => ({ name: key.toUpperCase(), secret: { name, key } }));
}

function versionOf(
  till: Record<string, string>,
  {
    key = KEY,
    environment = 'staging',
    name = 'till',
    keys = Object.keys(till),
  } = {},
): string | undefined {
  return secretVersions(key, environment, uses(name, ...keys), {
    [name]: till,
  })[name];
}

describe('the version of a secret', () => {
  it('stays with the values that are used, and changes with each of them', () => {
    const first = versionOf({ api: 'hush', url: 'u' });
    expect(first).toMatch(/^[0-9a-f]{16}$/);
    expect(versionOf({ url: 'u', api: 'hush' })).toBe(first);
    expect(
      versionOf(
        { api: 'hush', url: 'u', spare: 'x' },
        { keys: ['url', 'api'] },
      ),
    ).toBe(first);
    const others = [
      versionOf({ api: 'hush!', url: 'u' }),
      versionOf({ api: 'u', url: 'hush' }),
      versionOf({ api: 'hush' }),
    ];
    expect(new Set([first, ...others]).size).toBe(4);
  });

  it('says nothing of the value: not without the key, not beside another secret or environment', () => {
    const value = { api: 'hush' };
    const seen = [
      versionOf(value),
      versionOf(value, { key: Buffer.alloc(32, 8) }),
      versionOf(value, { environment: 'production' }),
      versionOf(value, { name: 'vault' }),
    ];
    expect(new Set(seen).size).toBe(4);
  });

  it('is another one for any two values', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(versionOf({ api: one }) === versionOf({ api: other })).toBe(
          one === other,
        );
      }),
    );
  });

  it('is not there for a secret that is not there', () => {
    const entries: EnvEntry[] = [
      ...uses('till', 'api'),
      { name: 'PLAIN', value: 'x' },
      {
        name: 'SPARE',
        secret: { name: 'constructor', key: 'name', optional: true },
      },
    ];
    expect(secretVersions(KEY, 'staging', entries, {})).toEqual({});
  });
});

describe('the file of secrets', () => {
  it.each([
    ['[]', /at its top/],
    ['{"till": null}', /at "till"/],
    ['{"till": {"api": 4711}}', /at "till", "api"/],
    ['{"till": {"api": "4711"', /is not JSON/],
  ])('says where it is none, without what it holds: %s', async (text, at) => {
    const directory = await mkdtemp(join(tmpdir(), 'slipway-secrets-'));
    await writeFile(join(directory, 'staging.json'), text, { mode: 0o600 });
    const error = await readSecrets(directory, 'staging').catch(it => it);
    expect(error).toMatchObject({ name: 'InputError' });
    expect(error.message).toMatch(at);
    expect(error.message).not.toContain('4711');
    await rm(directory, { recursive: true });
  });
});

describe('the key of the versions', () => {
  let directory: string;
  let path: string;
  let said: string[];
  const ensure = () => ensureVersionKey(path, message => said.push(message));

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-key-'));
    path = join(directory, 'secret-versions.key');
    said = [];
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is random, private, and kept', async () => {
    const key = await ensure();
    expect(key).toHaveLength(32);
    // eslint-disable-next-line no-bitwise
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await ensure()).toEqual(key);
    await rm(path);
    expect(await ensure()).not.toEqual(key);
    expect(said).toEqual([]);
  });

  it.each([
    ['others could read it', () => chmod(path, 0o644)],
    ['it is none', () => writeFile(path, 'short')],
  ])('is made anew when %s, and that is said', async (_what, spoil) => {
    const key = await ensure();
    await spoil();
    const next = await ensure();
    expect(next).toHaveLength(32);
    expect(next).not.toEqual(key);
    // eslint-disable-next-line no-bitwise
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toBe(next.toString('base64url'));
    expect(said).toEqual([expect.stringContaining('made anew')]);
  });
});
