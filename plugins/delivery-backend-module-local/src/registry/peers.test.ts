import { ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { access } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  createRegistryClient,
  OCI_MEDIA_TYPES,
  OciLayout,
} from '@slipway/backstage-plugin-delivery-node';
import { createEmbeddedBuilder, makeBaseImage } from '../builder';
import { testRegistry, testWorkspace } from '../testing';
import { StartedRegistry } from './server';

jest.setTimeout(180_000);

const run = promisify(execFile);
const PROGRAMS = ['docker-registry', 'skopeo', 'buildah'];

async function isInstalled(program: string): Promise<boolean> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      await access(join(folder, program));
      return true;
    } catch (error) {
      // It is not in this folder; the next one may have it.
    }
  }
  return false;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

/**
 * Other people's programs agree with ours on every digest. They are Debian's
 * packages; scripts/testing/registry-peers.sh installs them.
 */
describe('other registries and tools', () => {
  let directory: string;
  let ours: StartedRegistry;
  let theirs: ChildProcess | undefined;
  let missing: string[] = [];

  beforeAll(async () => {
    const found = await Promise.all(PROGRAMS.map(isInstalled));
    missing = PROGRAMS.filter((_program, index) => !found[index]);
    if (missing.length > 0) {
      if (process.env.SLIPWAY_REQUIRE_PEERS) {
        throw new Error(`Not installed: ${missing.join(', ')}`);
      }
      console.warn(`SKIPPED: not installed: ${missing.join(', ')}`);
    }
    directory = await mkdtemp(join(tmpdir(), 'slipway-peers-'));
    ours = await testRegistry(join(directory, 'registry'));
    await makeBaseImage({
      registry: ours.access,
      directory: join(directory, 'base'),
      sourceDateEpoch: 0,
    });
  });

  afterAll(async () => {
    theirs?.kill();
    await ours.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function buildImage() {
    const folder = await mkdtemp(join(directory, 'build-'));
    const layoutPath = join(folder, 'layout');
    await mkdir(layoutPath);
    const { digest } = await createEmbeddedBuilder({
      cacheDirectory: join(folder, 'cache'),
    }).build({
      service: 'component:default/x',
      image: 'app',
      workspace: await testWorkspace(join(folder, 'workspace'), {
        Dockerfile:
          'FROM node-base:24\nCOPY . /app/\nENTRYPOINT ["node"]\nCMD ["a.js"]\n',
        'a.js': 'console.log(1)',
      }),
      build: { context: '.', dockerfile: 'Dockerfile', args: {} },
      registry: ours.access,
      layout: layoutPath,
      annotations: {},
      sourceDateEpoch: 1_700_000_000,
      log: () => {},
      signal: new AbortController().signal,
    });
    return { layout: await OciLayout.open(layoutPath), layoutPath, digest };
  }

  async function startTheirs(): Promise<string> {
    const port = await freePort();
    const config = join(directory, 'docker-registry.yml');
    await writeFile(
      config,
      [
        'version: 0.1',
        'log: { level: error }',
        'storage:',
        `  filesystem: { rootdirectory: ${join(directory, 'theirs')} }`,
        `http: { addr: "127.0.0.1:${port}" }`,
      ].join('\n'),
    );
    theirs = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
    const deadline = Date.now() + 30_000;
    for (;;) {
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/v2/`);
        if (answer.ok) {
          return `127.0.0.1:${port}`;
        }
      } catch (error) {
        if (Date.now() > deadline) {
          throw error;
        }
      }
      await delay(100);
    }
  }

  async function skopeoDigest(reference: string): Promise<string> {
    const { stdout } = await run('skopeo', [
      'inspect',
      '--tls-verify=false',
      '--format={{.Digest}}',
      `docker://${reference}`,
    ]);
    return stdout.trim();
  }

  it("Debian's docker-registry takes our push, keeps our referrers in a tag, and skopeo pulls the same digest", async () => {
    if (missing.length > 0) {
      return;
    }
    const host = await startTheirs();
    const client = createRegistryClient({ url: `http://${host}`, host });
    const { layout, digest } = await buildImage();
    await client.pushLayout(layout, digest, 'shop/app', { tag: '1.0.0' });
    expect(await skopeoDigest(`${host}/shop/app:1.0.0`)).toBe(digest);

    const target = join(directory, 'by-skopeo');
    await run('skopeo', [
      'copy',
      '--src-tls-verify=false',
      '--preserve-digests',
      `docker://${host}/shop/app@${digest}`,
      `oci:${target}`,
    ]);
    const pulled = await OciLayout.open(target);
    expect((await pulled.index())[0].digest).toBe(digest);
    expect(await pulled.readBlob(digest)).toEqual(
      await layout.readBlob(digest),
    );

    await client.promote('shop/app', 'prod/app', digest, { tag: '1.0.0' });
    expect(await skopeoDigest(`${host}/prod/app:1.0.0`)).toBe(digest);

    const config = await layout.writeBlob(Buffer.from('{}'));
    const { bytes } = await layout.readManifest(digest);
    const signature = await layout.writeBlob(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: OCI_MEDIA_TYPES.manifest,
          artifactType: 'application/x-signature',
          config: { mediaType: OCI_MEDIA_TYPES.empty, ...config },
          layers: [],
          subject: {
            mediaType: OCI_MEDIA_TYPES.manifest,
            digest,
            size: bytes.length,
          },
        }),
      ),
    );
    await client.pushLayout(layout, signature.digest, 'shop/app');
    expect(
      (await client.listReferrers('shop/app', digest)).map(
        found => found.digest,
      ),
    ).toEqual([signature.digest]);
  });

  it('skopeo copies a layout of ours into our registry, and buildah pulls from it', async () => {
    if (missing.length > 0) {
      return;
    }
    const { layoutPath, digest } = await buildImage();
    const reference = `${ours.access.host}/shop/by-skopeo:1.0.0`;
    await run('skopeo', [
      'copy',
      '--dest-tls-verify=false',
      '--preserve-digests',
      `oci:${layoutPath}`,
      `docker://${reference}`,
    ]);
    const client = createRegistryClient(ours.access);
    expect((await client.headManifest('shop/by-skopeo', '1.0.0'))?.digest).toBe(
      digest,
    );
    expect(await skopeoDigest(reference)).toBe(digest);

    const storage = [
      '--storage-driver=vfs',
      `--root=${join(directory, 'storage')}`,
      `--runroot=${join(directory, 'run')}`,
    ];
    await run('buildah', [
      ...storage,
      'pull',
      '--tls-verify=false',
      `docker://${reference}`,
    ]);
    const { stdout } = await run('buildah', [
      ...storage,
      'inspect',
      '--type=image',
      reference,
    ]);
    const found = JSON.parse(stdout);
    expect(found.FromImageDigest).toBe(digest);
    expect(found.OCIv1.config).toMatchObject({
      Entrypoint: ['node'],
      Cmd: ['a.js'],
      WorkingDir: '/app',
    });
    expect(
      JSON.parse(await readFile(join(layoutPath, 'index.json'), 'utf8')),
    ).toMatchObject({ manifests: [{ digest }] });
  });
});
