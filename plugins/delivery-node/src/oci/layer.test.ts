import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import tarStream, { Header } from 'tar-stream';
import { createUnpackBudget, UnpackBudget } from './layerRead';
import { unpackImage, unpackLayer, UnpackOptions } from './layerUnpack';
import { LayerEntry, writeLayer } from './layerWrite';
import { OciLayout } from './layout';
import { OCI_MEDIA_TYPES } from './manifest';

jest.setTimeout(120_000);

type Entry = Partial<Header> & { name: string; content?: string };

async function archive(entries: Entry[]): Promise<Buffer> {
  const pack = tarStream.pack();
  for (const { content, ...header } of entries) {
    pack.entry(header, content ?? '');
  }
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) {
    chunks.push(Buffer.from(chunk as Uint8Array));
  }
  return Buffer.concat(chunks);
}

describe('layers', () => {
  let directory: string;
  let root: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-layer-'));
    root = join(directory, 'root');
    await mkdir(root);
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  async function unpack(
    entries: Entry[],
    options: UnpackOptions & { budget?: UnpackBudget } = {},
  ) {
    await unpackLayer(Readable.from([gzipSync(await archive(entries))]), root, {
      mediaType: OCI_MEDIA_TYPES.layerGzip,
      where: 'Layer test',
      budget: createUnpackBudget(),
      ...options,
    });
  }

  async function tree(folder = root): Promise<string[]> {
    const found: string[] = [];
    for (const entry of await readdir(folder, {
      recursive: true,
      withFileTypes: true,
    })) {
      const path = join(entry.parentPath, entry.name);
      found.push(path.slice(folder.length + 1));
    }
    return found.sort();
  }

  it.each<[string, Entry[], RegExp]>([
    ['..', [{ name: '../evil', content: 'x' }], /leads out by "\.\."/],
    ['.. inside', [{ name: 'a/../../evil', content: 'x' }], /leads out/],
    ['an absolute name', [{ name: '/evil', content: 'x' }], /absolute name/],
    [
      'a link out by ..',
      [{ name: 'a', type: 'symlink', linkname: '../outside' }],
      /leads out of its root/,
    ],
    [
      'an absolute link',
      [{ name: 'a', type: 'symlink', linkname: '/etc' }],
      /absolute path/,
    ],
    [
      'a hard link out',
      [{ name: 'a', type: 'link', linkname: '../outside/secret' }],
      /leads out/,
    ],
    [
      'a hard link to an absolute name',
      [{ name: 'a', type: 'link', linkname: '/etc/passwd' }],
      /absolute name/,
    ],
    [
      'a character device',
      [{ name: 'a', type: 'character-device', devmajor: 1, devminor: 3 }],
      /only files, folders and links/,
    ],
    ['a pipe', [{ name: 'a', type: 'fifo' }], /only files, folders and links/],
    [
      'a whiteout of its parent',
      [{ name: 'd/.wh...', content: '' }],
      /names nothing/,
    ],
  ])('refuse %s and touch nothing outside', async (_what, entries, message) => {
    await mkdir(join(directory, 'outside'));
    await writeFile(join(directory, 'outside/secret'), 'secret');
    await expect(unpack(entries)).rejects.toThrow(message);
    expect(await tree(directory)).toEqual([
      'outside',
      'outside/secret',
      'root',
      ...(await tree()).map(path => `root/${path}`),
    ]);
    expect(await readFile(join(directory, 'outside/secret'), 'utf8')).toBe(
      'secret',
    );
  });

  it('never write through a link that was there before', async () => {
    await mkdir(join(directory, 'outside'));
    await symlink('../outside', join(root, 'd'));
    await expect(unpack([{ name: 'd/evil', content: 'x' }])).rejects.toThrow(
      /leads out/,
    );
    expect(await readdir(join(directory, 'outside'))).toEqual([]);
  });

  it('refuse links that lead out only together', async () => {
    const layout = await OciLayout.create(join(directory, 'layout'));
    const bytes = gzipSync(
      await archive([
        { name: 'a/b/c/', type: 'directory' },
        { name: 'a/b/l', type: 'symlink', linkname: 'c/up/../../x' },
        { name: 'a/b/c/up', type: 'symlink', linkname: '../../..' },
      ]),
    );
    const layer = {
      mediaType: OCI_MEDIA_TYPES.layerGzip,
      ...(await layout.writeBlob(bytes)),
    };
    await expect(
      unpackImage(
        layout,
        {
          kind: 'manifest',
          mediaType: OCI_MEDIA_TYPES.manifest,
          config: layer,
          layers: [layer],
          annotations: {},
        },
        root,
      ),
    ).rejects.toThrow(/leads out/);
  });

  it('apply whiteouts and opaque folders to lower layers only, wherever they stand', async () => {
    await unpack([
      { name: 'keep', content: '1' },
      { name: 'gone', content: '1' },
      { name: 'folder/old', content: '1' },
      { name: 'opaque/old', content: '1' },
      { name: 'opaque/deep/old', content: '1' },
    ]);
    await unpack([
      { name: '.wh.gone', content: '' },
      { name: '.wh.folder', content: '' },
      { name: '.wh.neverthere', content: '' },
      { name: 'opaque/new', content: '2' },
      { name: 'opaque/deep/new', content: '2' },
      { name: 'opaque/.wh..wh..opq', content: '' },
    ]);
    expect(await tree()).toEqual([
      'keep',
      'opaque',
      'opaque/deep',
      'opaque/deep/new',
      'opaque/new',
    ]);
  });

  it('replace files by folders, folders by files and links by what comes later', async () => {
    await unpack([
      { name: 'a', content: '1' },
      { name: 'b/inner', content: '1' },
      { name: 'real/file', content: '1' },
      { name: 'link', type: 'symlink', linkname: 'real' },
      { name: 'hard', type: 'link', linkname: 'real/file' },
    ]);
    await unpack([
      { name: 'a/', type: 'directory' },
      { name: 'a/now', content: '2' },
      { name: 'b', content: '2' },
      { name: 'link/through', content: '2' },
      { name: 'hard', content: '2' },
    ]);
    expect(await tree()).toEqual([
      'a',
      'a/now',
      'b',
      'hard',
      'link',
      'real',
      'real/file',
      'real/through',
    ]);
    expect(await readFile(join(root, 'real/file'), 'utf8')).toBe('1');
  });

  it('take set-user-id bits away and keep what is executable', async () => {
    await unpack([
      { name: 'suid', mode: 0o4755, content: 'x' },
      { name: 'locked/', type: 'directory', mode: 0 },
      { name: 'locked/file', mode: 0o600, content: 'x' },
    ]);
    // eslint-disable-next-line no-bitwise
    expect((await lstat(join(root, 'suid'))).mode & 0o7777).toBe(0o755);
  });

  it('stop a bomb by its bytes, by its entries and by a broken stream', async () => {
    await expect(
      unpack([{ name: 'zeros', content: '\0'.repeat(5_000_000) }], {
        budget: createUnpackBudget({ maxBytes: 1_000_000 }),
      }),
    ).rejects.toThrow(/more bytes than are allowed/);
    await expect(
      unpack(
        Array.from({ length: 50 }, (_, index) => ({ name: `f${index}` })),
        { budget: createUnpackBudget({ maxEntries: 20 }) },
      ),
    ).rejects.toThrow(/more entries than are allowed/);
    const good = gzipSync(await archive([{ name: 'a', content: 'x' }]));
    for (const bytes of [
      good.subarray(0, good.length - 20),
      Buffer.from('no gzip at all'),
      gzipSync(Buffer.alloc(512, 'x')),
    ]) {
      await expect(
        unpackLayer(Readable.from([bytes]), root, {
          mediaType: OCI_MEDIA_TYPES.layerGzip,
          where: 'Layer test',
          budget: createUnpackBudget(),
        }),
      ).rejects.toMatchObject({ name: 'InputError' });
    }
  });

  it('stop when they are told to', async () => {
    await expect(
      unpack([{ name: 'a', content: 'x' }], {
        signal: AbortSignal.abort(new Error('stop')),
      }),
    ).rejects.toThrow('stop');
  });

  it('put absolute links onto the root when asked to', async () => {
    await unpack(
      [
        { name: 'usr/bin/tool', content: 'x' },
        { name: 'bin/tool', type: 'symlink', linkname: '/usr/bin/tool' },
      ],
      { absoluteLinks: 'rebase' },
    );
    expect(await readFile(join(root, 'bin/tool'), 'utf8')).toBe('x');
  });

  it('have the same bytes whatever order and place their files come from, and unpack to what went in', async () => {
    const name = fc.stringMatching(/^[a-z]{1,3}(\/[a-zé ]{1,4}){0,3}$/);
    const files = fc.dictionary(name, fc.string({ maxLength: 40 }), {
      maxKeys: 12,
    });
    await fc.assert(
      fc.asyncProperty(files, async content => {
        const paths = Object.keys(content).filter(
          path =>
            !Object.keys(content).some(other => other.startsWith(`${path}/`)),
        );
        const entries: LayerEntry[] = paths.map(path => ({
          type: 'file',
          path,
          bytes: Buffer.from(content[path]),
        }));
        const work = await mkdtemp(join(directory, 'run-'));
        const write = async (folder: string, list: LayerEntry[]) =>
          writeLayer(await OciLayout.create(join(work, folder)), list, {
            mtimeSeconds: 1_000,
            maxBytes: 1_000_000,
          });
        const one = await write('one', entries);
        const two = await write('two', [...entries].reverse());
        expect(two).toEqual(one);
        const target = join(work, 'out');
        await mkdir(target);
        const layout = await OciLayout.open(join(work, 'one'));
        await unpackLayer(layout.blobStream(one.descriptor), target, {
          mediaType: one.descriptor.mediaType,
          where: 'Layer',
          budget: createUnpackBudget(),
        });
        for (const path of paths) {
          expect(await readFile(join(target, path), 'utf8')).toBe(
            content[path],
          );
        }
      }),
      { numRuns: 15 },
    );
  });

  it('name no system and no time in the compression, and refuse files that change meanwhile', async () => {
    const layout = await OciLayout.create(join(directory, 'layout'));
    const options = { mtimeSeconds: 0, maxBytes: 100_000 };
    const { descriptor } = await writeLayer(
      layout,
      [{ type: 'file', path: 'a', bytes: Buffer.from('x') }],
      options,
    );
    const bytes = await layout.readBlob(descriptor.digest);
    expect([...bytes.subarray(4, 8), bytes[9]]).toEqual([0, 0, 0, 0, 255]);

    const file = join(directory, 'file');
    await writeFile(file, 'longer than it was');
    await expect(
      writeLayer(layout, [{ type: 'file', path: 'a', file, size: 3 }], options),
    ).rejects.toThrow(/changed while it was being packed/);
    await expect(
      writeLayer(
        layout,
        [{ type: 'file', path: '../a', bytes: Buffer.alloc(0) }],
        options,
      ),
    ).rejects.toThrow(/leads out/);
  });
});
