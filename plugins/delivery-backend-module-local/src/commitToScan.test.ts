import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  BuildResult,
  createRegistryClient,
  OciLayout,
  unpackImage,
} from '@slipway/backstage-plugin-delivery-node';
import { createEmbeddedBuilder, makeBaseImage } from './builder';
import { createLocalGitFetcher } from './git';
import { StartedRegistry } from './registry';
import { createNpmScanner } from './scanner';
import { logText, makeRepository, testRegistry } from './testing';

const EXAMPLES = resolve(__dirname, '../../../examples');
const ADVISORIES = join(EXAMPLES, 'advisories');
const signal = new AbortController().signal;
const limits = { maxBytes: 10_000_000, maxFiles: 1_000 };

jest.setTimeout(120_000);

describe('from a commit to a pushed and scanned image', () => {
  let directory: string;
  let registry: StartedRegistry;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-test-'));
    registry = await testRegistry(join(directory, 'registry'));
    await makeBaseImage({
      registry: registry.access,
      directory: join(directory, 'base'),
      sourceDateEpoch: 0,
    });
  });

  afterEach(async () => {
    await registry.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function checkout(version: string) {
    const text = (path: string) =>
      readFile(join(EXAMPLES, 'storefront/base', path), 'utf8');
    const files: Record<string, string> = {};
    for (const path of [
      'services/checkout/package.json',
      'services/checkout/package-lock.json',
      'services/checkout/server.js',
      'services/checkout/behaviour.js',
      'services/checkout/vendor/price-format/package.json',
      'services/checkout/vendor/price-format/index.js',
      'services/pricing/Dockerfile',
      'services/pricing/package.json',
      'services/pricing/server.js',
    ]) {
      files[path] = (await text(path)).replaceAll('"1.2.0"', `"${version}"`);
    }
    return files;
  }

  async function build(sha: string, name: string, dockerfile?: string) {
    const fetcher = createLocalGitFetcher({
      allowedRoots: [directory],
      cacheDirectory: join(directory, 'git-cache'),
    });
    const source = {
      service: 'component:default/checkout',
      repository: join(directory, 'repository'),
    };
    const root = join(directory, name, 'workspace');
    const layout = join(directory, name, 'layout');
    await mkdir(root, { recursive: true });
    await mkdir(layout, { recursive: true });
    const workspace = await fetcher.fetch(source, sha, root, {
      log: logText().log,
      signal,
      limits,
    });
    const builder = createEmbeddedBuilder({
      cacheDirectory: join(directory, name, 'cache'),
    });
    const model = {
      context: dockerfile ? 'services/pricing' : 'services/checkout',
      dockerfile,
      args: {},
    };
    expect(await builder.refuses(model, workspace)).toBeUndefined();
    const result: BuildResult = await builder.build({
      service: source.service,
      image: 'app',
      workspace,
      build: model,
      registry: registry.access,
      layout,
      annotations: { 'org.opencontainers.image.revision': sha },
      sourceDateEpoch: workspace.commit.committedAtMs / 1000,
      log: logText().log,
      signal,
    });
    return { result, layout, workspace };
  }

  it('gives the same digest for the same commit, pushes exactly it, and finds the critical advisory', async () => {
    const [good, bad] = await makeRepository(join(directory, 'repository'), [
      { message: 'Good', files: await checkout('1.2.0'), tag: 'v1.0.0' },
      { message: 'Bad', files: await checkout('1.1.0') },
    ]);
    const first = await build(bad, 'first');
    const second = await build(bad, 'second');
    expect(second.result.digest).toBe(first.result.digest);
    expect(first.workspace.describe).toEqual({ tag: 'v1.0.0', distance: 1 });

    const client = createRegistryClient(registry.access);
    const layout = await OciLayout.open(first.layout);
    await client.pushLayout(
      layout,
      first.result.digest,
      'storefront/checkout',
      {
        tag: '1.0.1',
      },
    );
    expect(await client.headManifest('storefront/checkout', '1.0.1')).toEqual({
      digest: first.result.digest,
      mediaType: first.result.mediaType,
    });

    const scanner = createNpmScanner({ advisories: ADVISORIES });
    const scan = (built: typeof first) =>
      scanner.scan({
        layout: built.layout,
        digest: built.result.digest,
        image: 'app',
        log: logText().log,
        signal,
      });
    const findings = await scan(first);
    expect(findings.findings).toEqual([
      expect.objectContaining({
        id: 'SLIP-EX-2026-0001',
        severity: 'critical',
        fixedIn: ['1.2.0'],
        package: expect.objectContaining({
          name: '@storefront/price-format',
          version: '1.1.0',
          purl: 'pkg:npm/%40storefront/price-format@1.1.0',
        }),
      }),
    ]);
    expect((await scan(await build(good, 'good'))).findings).toEqual([]);
  });

  it('builds the Dockerfile of the example into an image that unpacks to its files', async () => {
    const [sha] = await makeRepository(join(directory, 'repository'), [
      { message: 'Good', files: await checkout('1.2.0') },
    ]);
    const { result, layout } = await build(
      sha,
      'pricing',
      'services/pricing/Dockerfile',
    );
    const image = await OciLayout.open(layout);
    const { manifest } = await image.readManifest(result.digest);
    if (manifest.kind !== 'manifest') {
      throw new Error('expected an image');
    }
    const root = join(directory, 'unpacked');
    await mkdir(root);
    await unpackImage(image, manifest, root);
    expect(await readFile(join(root, 'app/server.js'), 'utf8')).toBe(
      (await checkout('1.2.0'))['services/pricing/server.js'],
    );
    const config = JSON.parse(
      (await image.readBlob(manifest.config.digest)).toString(),
    );
    expect(config.config).toMatchObject({
      Entrypoint: ['node'],
      Cmd: ['server.js'],
      User: '1000',
      WorkingDir: '/app',
      ExposedPorts: { '8080/tcp': {} },
    });
  });
});
