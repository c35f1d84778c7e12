import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGunzip, gzipSync } from 'node:zlib';
import {
  BuildResult,
  createRegistryClient,
  OciLayout,
  unpackImage,
} from '@slipway/backstage-plugin-delivery-node';
import tarStream from 'tar-stream';
import { StartedRegistry } from '../registry';
import { logText, testRegistry, testWorkspace } from '../testing';
import { makeBaseImage } from './baseImage';
import { createEmbeddedBuilder } from './embedded';

jest.setTimeout(120_000);

const signal = new AbortController().signal;

async function npmTarball(files: Record<string, string>): Promise<Buffer> {
  const pack = tarStream.pack();
  for (const [path, content] of Object.entries(files)) {
    pack.entry({ name: `package/${path}` }, content);
  }
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) {
    chunks.push(Buffer.from(chunk as Uint8Array));
  }
  return gzipSync(Buffer.concat(chunks));
}

describe('the embedded builder', () => {
  let directory: string;
  let registry: StartedRegistry;
  let runs = 0;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-builder-'));
    registry = await testRegistry(join(directory, 'registry'));
    await makeBaseImage({
      registry: registry.access,
      directory: join(directory, 'base'),
      sourceDateEpoch: 0,
    });
  });

  afterAll(async () => {
    await registry.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function build(
    files: Record<string, string | Buffer>,
    options: {
      dockerfile?: string;
      context?: string;
      target?: string;
      args?: Record<string, string>;
      cache?: string;
      sourceDateEpoch?: number;
      prepare?: (root: string) => Promise<void>;
    } = {},
  ) {
    runs += 1;
    const folder = join(directory, `run-${runs}`);
    const layoutPath = join(folder, 'layout');
    await mkdir(layoutPath, { recursive: true });
    const workspace = await testWorkspace(join(folder, 'workspace'), files);
    await options.prepare?.(workspace.root);
    const log = logText();
    const result: BuildResult = await createEmbeddedBuilder({
      cacheDirectory: join(directory, options.cache ?? `cache-${runs}`),
    }).build({
      service: 'component:default/x',
      image: 'app',
      workspace,
      build: {
        context: options.context ?? '.',
        dockerfile: options.dockerfile,
        target: options.target,
        args: options.args ?? {},
      },
      registry: registry.access,
      layout: layoutPath,
      annotations: { 'org.opencontainers.image.version': '1.0.0' },
      sourceDateEpoch: options.sourceDateEpoch ?? 1_700_000_000,
      log: log.log,
      signal,
    });
    const layout = await OciLayout.open(layoutPath);
    const { manifest } = await layout.readManifest(result.digest);
    if (manifest.kind !== 'manifest') {
      throw new Error('expected an image');
    }
    const config = JSON.parse(
      (await layout.readBlob(manifest.config.digest)).toString(),
    );
    const unpack = async () => {
      const root = join(folder, 'root');
      await mkdir(root);
      await unpackImage(layout, manifest, root);
      return root;
    };
    return { result, layout, manifest, config, unpack, log: log.text() };
  }

  const dockerfile = (lines: string[], files: Record<string, string> = {}) => ({
    ...files,
    Dockerfile: lines.join('\n'),
  });

  const service = (content: string, version = '1.0.0') => ({
    'package.json': JSON.stringify({
      name: 'svc',
      main: 'server.js',
      dependencies: { '@x/local': 'file:vendor/local' },
    }),
    'package-lock.json': JSON.stringify({
      lockfileVersion: 3,
      packages: {
        '': {},
        'node_modules/@x/local': { resolved: 'vendor/local', link: true },
        'vendor/local': { name: '@x/local', version },
      },
    }),
    'vendor/local/package.json': JSON.stringify({ name: '@x/local', version }),
    'vendor/local/index.js': 'module.exports = 1;',
    'server.js': content,
    'node_modules/stale/index.js': 'old',
    '.env': 'TOKEN=secret',
  });

  describe('of Node services', () => {
    it('makes an image that runs, of the files and the production dependencies', async () => {
      const { config, unpack, manifest } = await build(
        service('console.log(require("@x/local"))'),
      );
      expect(config.config).toMatchObject({
        Entrypoint: ['node', 'server.js'],
        WorkingDir: '/app',
        User: '1000:1000',
        Labels: expect.objectContaining({
          'org.opencontainers.image.version': '1.0.0',
        }),
      });
      expect(manifest.annotations).toMatchObject({
        'org.opencontainers.image.base.name': 'library/node-base',
        'org.opencontainers.image.created': '2023-11-14T22:13:20.000Z',
      });
      const root = await unpack();
      const out = execFileSync(process.execPath, ['server.js'], {
        cwd: join(root, 'app'),
      });
      expect(out.toString().trim()).toBe('1');
      await expect(stat(join(root, 'app/.env'))).rejects.toThrow(/ENOENT/);
      await expect(stat(join(root, 'app/node_modules/stale'))).rejects.toThrow(
        /ENOENT/,
      );
    });

    it('moves only the application layer when the dependencies are the same', async () => {
      const one = await build(service('one'), { cache: 'shared' });
      const two = await build(service('two'), {
        cache: 'shared',
        sourceDateEpoch: 1_700_000_060,
      });
      expect(two.log).toMatch(/reused layer/);
      const client = createRegistryClient(registry.access);
      await client.pushLayout(one.layout, one.result.digest, 'rebuild/svc');
      const pushed = await client.pushLayout(
        two.layout,
        two.result.digest,
        'rebuild/svc',
      );
      const application = two.manifest.layers[two.manifest.layers.length - 1];
      expect(pushed.uploaded.sort()).toEqual(
        [application.digest, two.manifest.config.digest].sort(),
      );
      const three = await build(service('two', '1.0.1'), { cache: 'shared' });
      expect(three.manifest.layers[1].digest).not.toBe(
        two.manifest.layers[1].digest,
      );
    });

    it('gives the same digest in another folder, with another cache, whatever the times and modes on disk', async () => {
      const one = await build(service('same'));
      const two = await build(service('same'), {
        prepare: async root => {
          await rm(join(root, 'server.js'));
          await writeFile(join(root, 'server.js'), 'same', { mode: 0o600 });
        },
      });
      expect(two.result.digest).toBe(one.result.digest);
    });

    it('installs packages of a registry by their lock, runs none of their scripts, and keeps secrets from them', async () => {
      const tarball = await npmTarball({
        'package.json': JSON.stringify({
          name: 'left',
          version: '1.0.0',
          bin: 'bin.js',
          scripts: { install: 'echo "$SLIPWAY_TEST_SECRET" > stolen' },
        }),
        'index.js': 'module.exports = "from the registry";',
        'bin.js': '#!/usr/bin/env node',
      });
      const server = createHttpServer((request, response) => {
        const isTarball = request.url === '/left/-/left-1.0.0.tgz';
        response.writeHead(isTarball ? 200 : 404);
        response.end(isTarball ? tarball : '{}');
      });
      await new Promise<void>(resolve => {
        server.listen(0, '127.0.0.1', resolve);
      });
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const sha512 = createHash('sha512').update(tarball).digest('base64');
      const files = {
        'package.json': JSON.stringify({
          name: 'svc',
          version: '1.0.0',
          main: 'index.js',
          dependencies: { left: '1.0.0' },
        }),
        'package-lock.json': JSON.stringify({
          name: 'svc',
          version: '1.0.0',
          lockfileVersion: 3,
          packages: {
            '': {
              name: 'svc',
              version: '1.0.0',
              dependencies: { left: '1.0.0' },
            },
            'node_modules/left': {
              version: '1.0.0',
              resolved: `${url}/left/-/left-1.0.0.tgz`,
              integrity: `sha512-${sha512}`,
              bin: { left: 'bin.js' },
            },
          },
        }),
        'index.js': 'console.log(require("left"))',
        '.npmrc': 'registry=http://evil.example/\nscript-shell=/bin/false',
      };
      const before = process.env.npm_config_registry;
      process.env.npm_config_registry = url;
      process.env.SLIPWAY_TEST_SECRET = 'hunter2';
      try {
        const one = await build(files);
        const root = await one.unpack();
        const out = execFileSync(process.execPath, ['index.js'], {
          cwd: join(root, 'app'),
        });
        expect(out.toString().trim()).toBe('from the registry');
        await expect(
          stat(join(root, 'app/node_modules/left/stolen')),
        ).rejects.toThrow(/ENOENT/);
        await stat(join(root, 'app/node_modules/.bin/left'));
        const two = await build(files);
        expect(two.result.digest).toBe(one.result.digest);
      } finally {
        server.close();
        delete process.env.SLIPWAY_TEST_SECRET;
        delete process.env.npm_config_registry;
        if (before !== undefined) {
          process.env.npm_config_registry = before;
        }
      }
    });

    it('lays out tarballs of the repository and checks their integrity', async () => {
      const tarball = await npmTarball({
        'package.json': '{"name":"t","version":"1.0.0"}',
        'index.js': 'module.exports = "tarball";',
      });
      const files = (integrity?: string) => ({
        'package.json': JSON.stringify({
          main: 'index.js',
          dependencies: { t: 'file:t-1.0.0.tgz' },
        }),
        'package-lock.json': JSON.stringify({
          lockfileVersion: 3,
          packages: {
            '': {},
            'node_modules/t': {
              version: '1.0.0',
              resolved: 'file:t-1.0.0.tgz',
              integrity,
            },
          },
        }),
        'index.js': 'console.log(require("t"))',
        't-1.0.0.tgz': tarball,
      });
      const { unpack } = await build(files());
      const out = execFileSync(process.execPath, ['index.js'], {
        cwd: join(await unpack(), 'app'),
      });
      expect(out.toString().trim()).toBe('tarball');
      await expect(
        build(files(`sha512-${Buffer.alloc(64).toString('base64')}`)),
      ).rejects.toThrow(/sha512 differs/);
    });

    const locked = (entry: object) => ({
      'package.json': JSON.stringify({
        main: 'a.js',
        dependencies: { x: '1' },
      }),
      'package-lock.json': JSON.stringify({
        lockfileVersion: 3,
        packages: { '': {}, 'node_modules/x': entry },
      }),
      'a.js': '',
    });

    it.each<[string, Record<string, string>, RegExp]>([
      [
        'no package.json',
        { 'a.js': '' },
        /neither a Dockerfile.*nor a package/,
      ],
      ['bad JSON', { 'package.json': '{' }, /package.json is not JSON/],
      [
        'a main that is not there',
        { 'package.json': '{"main":"x.js"}' },
        /main is "x.js", which the build context does not have/,
      ],
      [
        'a main that leads out',
        { 'package.json': '{"main":"../x.js"}' },
        /leads out/,
      ],
      ['nothing to start', { 'package.json': '{}' }, /set "main"/],
      [
        'no lock file',
        {
          'package.json': '{"main":"a.js","dependencies":{"x":"1"}}',
          'a.js': '',
        },
        /no package-lock.json/,
      ],
      [
        'a dependency on a git repository',
        locked({ resolved: 'git+ssh://git@example.com/x.git#abc' }),
        /dependencies on git repositories are not built/,
      ],
      [
        'a local dependency outside the context',
        locked({ resolved: '../outside', link: true }),
        /leads out/,
      ],
      [
        'a local dependency that is not there',
        locked({ resolved: 'vendor/x', link: true }),
        /"vendor\/x", which the build context does not have/,
      ],
      [
        'packages from a host that is not allowed',
        locked({ version: '1.0.0', resolved: 'https://evil.example/x.tgz' }),
        /takes packages from evil\.example; allowed/,
      ],
    ])('says what is wrong: %s', async (_what, files, message) => {
      await expect(build(files)).rejects.toThrow(message);
    });
  });

  describe('of Dockerfiles', () => {
    const BASE = 'FROM library/node-base:24';

    it('copies as Docker does: folders by content, patterns, owners, modes, ignored files', async () => {
      const { config, unpack, layout, manifest } = await build(
        dockerfile(
          [
            'ARG V=24',
            'FROM node-base:${V} AS app',
            'ARG NAME=world',
            'ENV GREETING="hello $NAME" PORT=8080',
            'WORKDIR /srv',
            'WORKDIR app',
            'COPY package.json *.md ./',
            'COPY src lib',
            'COPY --chown=node:node --chmod=0700 run.sh /usr/bin/run',
            'COPY src/a.js /etc',
            'LABEL a=b "c d"=e',
            'VOLUME /data',
            'EXPOSE ${PORT} 53/udp',
            'STOPSIGNAL SIGQUIT',
            'HEALTHCHECK --interval=1m30s CMD ["node", "check.js"]',
            'USER node',
            'CMD node lib/a.js',
          ],
          {
            'package.json': '{}',
            'README.md': 'readme',
            'NOTES.md': 'ignored',
            'src/a.js': 'a',
            'src/deep/b.js': 'b',
            'src/skip/c.js': 'c',
            'src/skip/keep.js': 'k',
            'run.sh': '#!/bin/sh',
            '.dockerignore': 'NOTES.md\n**/skip\n!src/skip/keep.js\n',
          },
        ),
        { dockerfile: 'Dockerfile', args: { NAME: 'shop' } },
      );
      expect(config.config).toEqual({
        Env: [
          'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          'NODE_ENV=production',
          'GREETING=hello shop',
          'PORT=8080',
        ],
        Cmd: ['/bin/sh', '-c', 'node lib/a.js'],
        ExposedPorts: { '53/udp': {}, '8080/tcp': {} },
        Healthcheck: { Test: ['CMD', 'node', 'check.js'], Interval: 90e9 },
        Labels: expect.objectContaining({ a: 'b', 'c d': 'e' }),
        StopSignal: 'SIGQUIT',
        User: 'node',
        Volumes: { '/data': {} },
        WorkingDir: '/srv/app',
      });
      expect(config.rootfs.diff_ids).toHaveLength(manifest.layers.length);
      const root = await unpack();
      const text = (path: string) => readFile(join(root, path), 'utf8');
      expect(await text('srv/app/README.md')).toBe('readme');
      expect(await text('srv/app/lib/deep/b.js')).toBe('b');
      expect(await text('srv/app/lib/skip/keep.js')).toBe('k');
      expect(await text('etc/a.js')).toBe('a');
      expect(await text('etc/passwd')).toContain('node');
      for (const path of ['srv/app/NOTES.md', 'srv/app/lib/skip/c.js']) {
        await expect(text(path)).rejects.toThrow(/ENOENT/);
      }
      // eslint-disable-next-line no-bitwise
      expect((await stat(join(root, 'usr/bin/run'))).mode & 0o777).toBe(0o700);
      const names: string[] = [];
      const extract = tarStream.extract();
      const layer = manifest.layers[3];
      layout.blobStream(layer).pipe(createGunzip()).pipe(extract);
      for await (const entry of extract) {
        names.push(
          `${entry.header.name} ${entry.header.uid}:${entry.header.gid}`,
        );
        entry.resume();
      }
      expect(names).toEqual([
        'usr/ 0:0',
        'usr/bin/ 0:0',
        'usr/bin/run 1000:1000',
      ]);
    });

    it('takes files from earlier stages and other images, and leaves the rest of them out', async () => {
      const { unpack, manifest } = await build(
        dockerfile(
          [
            'FROM scratch AS files',
            'COPY a /out/a',
            'COPY b /out/b',
            'FROM files AS more',
            'COPY b /out/c',
            'FROM scratch',
            'COPY --from=more /out/ /x/',
            'COPY --from=0 /out/a /only-a',
            'COPY --from=library/node-base:24 /etc/group /g',
            'ENTRYPOINT ["node"]',
          ],
          { a: '1', b: '2' },
        ),
        { dockerfile: 'Dockerfile' },
      );
      const root = await unpack();
      for (const [path, content] of [
        ['x/a', '1'],
        ['x/c', '2'],
        ['only-a', '1'],
      ]) {
        expect(await readFile(join(root, path), 'utf8')).toBe(content);
      }
      expect(await readFile(join(root, 'g'), 'utf8')).toContain('nogroup');
      expect(manifest.layers).toHaveLength(3);
    });

    it('gives the same digest for the same files', async () => {
      const files = dockerfile([BASE, 'COPY . /app/', 'CMD ["node","a.js"]'], {
        'a.js': '1',
        'b/c.js': '2',
      });
      const one = await build(files, { dockerfile: 'Dockerfile' });
      const two = await build(files, { dockerfile: 'Dockerfile' });
      expect(two.result.digest).toBe(one.result.digest);
      expect(two.result.inputs).toEqual(one.result.inputs);
    });

    it('knows a build again by its builder and what its bases name now, and not when one is missing', async () => {
      const builder = createEmbeddedBuilder({
        cacheDirectory: join(directory, 'fingerprints'),
      });
      const fingerprint = async (lines: string[]) =>
        builder.fingerprint!({
          build: { context: '.', dockerfile: 'Dockerfile', args: {} },
          workspace: await testWorkspace(
            join(directory, `fingerprint-${(runs += 1)}`),
            { Dockerfile: lines.join('\n'), 'a.js': '1' },
          ),
          registry: registry.access,
          signal,
        });
      const two = [BASE, 'COPY --from=library/node-base:24 /etc/passwd /p'];
      const base = await createRegistryClient(registry.access).headManifest(
        'library/node-base',
        '24',
      );
      expect(await fingerprint(two)).toEqual({
        builder: 'embedded/1',
        architecture: expect.any(String),
        'base:library/node-base:24': base?.digest,
      });
      expect(
        await fingerprint(['FROM scratch', 'COPY a.js /']),
      ).not.toHaveProperty('base:scratch');
      expect(await fingerprint(['FROM library/absent:1'])).toBeUndefined();
    });

    it('drops the command of the base with its entrypoint, and keeps the own one', async () => {
      const { config } = await build(
        dockerfile([
          'FROM scratch AS base',
          'ENTRYPOINT ["a"]',
          'CMD ["b"]',
          'FROM base',
          'ENTRYPOINT ["node"]',
        ]),
        { dockerfile: 'Dockerfile' },
      );
      expect([config.config.Entrypoint, config.config.Cmd]).toEqual([
        ['node'],
        undefined,
      ]);
    });

    it.each<[string, string[], RegExp]>([
      ['RUN', [BASE, 'RUN true'], /^Dockerfile:2: RUN needs a container/],
      [
        'a file that is not there',
        [BASE, 'COPY nope /x'],
        /^Dockerfile:2: .*does not have/,
      ],
      [
        'a source that leads out',
        [BASE, 'COPY ../x /x'],
        /^Dockerfile:2: .*leads out/,
      ],
      [
        'an address',
        [BASE, 'ADD https://a.example/x /x'],
        /^Dockerfile:2: .*from the network/,
      ],
      [
        'many sources to a file',
        [BASE, 'COPY a a /x'],
        /^Dockerfile:2: .*must end with a slash/,
      ],
      [
        'an unknown user',
        [BASE, 'COPY --chown=bob a /x'],
        /^Dockerfile:2: .*names the user "bob"/,
      ],
      [
        'a symbolic mode',
        [BASE, 'COPY --chmod=u+x a /x'],
        /^Dockerfile:2: .*octal/,
      ],
      [
        'a base that is not there',
        ['FROM library/none:1'],
        /^Dockerfile:1: .*not in the platform's registry/,
      ],
      [
        'a base elsewhere',
        ['FROM ghcr.example/x:1'],
        /^Dockerfile:1: .*platform's registry/,
      ],
      [
        'another platform',
        ['FROM --platform=linux/s390x scratch', 'COPY a /a'],
        /^Dockerfile:1: .*linux\//,
      ],
      ['a bad port', [BASE, 'EXPOSE http'], /^Dockerfile:2: EXPOSE/],
      [
        'a bad health check',
        [BASE, 'HEALTHCHECK --interval=5 CMD x'],
        /^Dockerfile:2: .*duration/,
      ],
    ])('refuses %s with the line', async (_what, lines, message) => {
      await expect(
        build(dockerfile(lines, { a: '1' }), { dockerfile: 'Dockerfile' }),
      ).rejects.toThrow(message);
    });

    it('never unpacks archives unasked', async () => {
      await expect(
        build(
          {
            ...dockerfile([BASE, 'ADD a.tgz /x/']),
            'a.tgz': gzipSync(Buffer.from('x')),
          },
          { dockerfile: 'Dockerfile' },
        ),
      ).rejects.toThrow(/would unpack the archive/);
    });
  });

  describe('of hostile contexts', () => {
    const files = { 'package.json': '{"main":"a.js"}', 'a.js': '' };

    it('refuses links that lead out, pipes and sockets', async () => {
      await expect(
        build(files, { prepare: root => symlink('/etc', join(root, 'etc')) }),
      ).rejects.toThrow(/absolute link/);
      await expect(
        build(files, {
          prepare: root => symlink('../../..', join(root, 'up')),
        }),
      ).rejects.toThrow(/leads out/);
      await expect(
        build(files, {
          prepare: async root =>
            void execFileSync('mkfifo', [join(root, 'pipe')]),
        }),
      ).rejects.toThrow(/device, a pipe or a socket/);
      const server = createServer();
      await expect(
        build(files, {
          prepare: root =>
            new Promise<void>(resolve => {
              server.listen(join(root, 's'), resolve);
            }),
        }),
      ).rejects.toThrow(/device, a pipe or a socket/);
      server.close();
    });

    it('refuses a context or a Dockerfile outside the workspace, also through a link', async () => {
      for (const context of ['..', '/etc', 'a/../..', 'link']) {
        await expect(
          build(files, {
            context,
            prepare: root => symlink('..', join(root, 'link')),
          }),
        ).rejects.toMatchObject({ name: 'InputError' });
      }
      for (const path of ['../Dockerfile', '/etc/passwd', 'link/Dockerfile']) {
        await expect(
          build(files, {
            dockerfile: path,
            prepare: root => symlink('..', join(root, 'link')),
          }),
        ).rejects.toMatchObject({ name: 'InputError' });
      }
    });

    it('refuses 100,000 files and 5 GB, before it reads them', async () => {
      await expect(
        build(files, {
          prepare: async root => {
            await mkdir(join(root, 'many'));
            execFileSync('sh', [
              '-c',
              'cd "$1" && seq 100000 | xargs touch',
              'sh',
              join(root, 'many'),
            ]);
          },
        }),
      ).rejects.toThrow(/more than 50000 files and folders/);
      await expect(
        build(files, {
          prepare: async root => {
            await writeFile(join(root, 'big'), '');
            await truncate(join(root, 'big'), 5 * 1024 ** 3);
          },
        }),
      ).rejects.toThrow(/more than 1073741824 bytes.*"big"/);
    });

    it('stops when it is told to', async () => {
      const aborted = AbortSignal.abort(new Error('stop'));
      await expect(
        createEmbeddedBuilder({ cacheDirectory: join(directory, 'c') }).build({
          service: 'x',
          image: 'app',
          workspace: await testWorkspace(join(directory, 'aborted'), files),
          build: { context: '.', args: {} },
          registry: registry.access,
          layout: join(directory, 'aborted-layout'),
          annotations: {},
          sourceDateEpoch: 0,
          log: () => {},
          signal: aborted,
        }),
      ).rejects.toThrow('stop');
    });
  });
});
