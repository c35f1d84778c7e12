import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  describeImageBuilderContract,
  describeImageScannerContract,
  describeSourceFetcherContract,
} from '@slipway/backstage-plugin-delivery-node/testing';
import { OciLayout } from '@slipway/backstage-plugin-delivery-node';
import { createEmbeddedBuilder, makeBaseImage } from './builder';
import {
  TestRegistry,
  file,
  pushTestImage,
} from './connection/__testUtils__/images';
import { createLocalGitFetcher } from './git';
import { createNpmScanner } from './scanner';
import { makeRepository, testRegistry, testWorkspace } from './testing';

jest.setTimeout(120_000);

async function temporary(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'slipway-test-'));
}

describeSourceFetcherContract('The local git fetcher', async () => {
  const root = await temporary();
  const repository = join(root, 'repositories', 'sample');
  const [first, second] = await makeRepository(repository, [
    { message: 'One', files: { 'a.txt': 'one\n' }, tag: 'v1.0.0' },
    {
      message: 'Two',
      files: { 'a.txt': 'two\n', 'folder/b.txt': 'b\n' },
    },
  ]);
  return {
    fetcher: createLocalGitFetcher({
      allowedRoots: [join(root, 'repositories')],
      cacheDirectory: join(root, 'cache'),
    }),
    source: { service: 'component:default/sample', repository },
    branch: 'main',
    commits: [first, second],
    directory: join(root, 'workspaces'),
    close: () => rm(root, { recursive: true, force: true }),
  };
});

describeImageBuilderContract('The embedded builder', async () => {
  const root = await temporary();
  const registry = await testRegistry(join(root, 'registry'));
  await makeBaseImage({
    registry: registry.access,
    directory: join(root, 'base'),
    sourceDateEpoch: 0,
  });
  let workspaces = 0;
  async function workspace(files: Record<string, string>) {
    workspaces += 1;
    const directory = join(root, `workspace-${workspaces}`);
    await mkdir(directory, { recursive: true });
    return testWorkspace(directory, files);
  }
  const build = { context: '.', dockerfile: 'Dockerfile', args: {} };
  return {
    builder: createEmbeddedBuilder({ cacheDirectory: join(root, 'cache') }),
    registry: registry.access,
    directory: join(root, 'layouts'),
    buildable: async text => ({
      build,
      workspace: await workspace({
        Dockerfile:
          'FROM library/node-base:24\nWORKDIR /app\nCOPY server.js ./\nENTRYPOINT ["node", "server.js"]\n',
        'server.js': `console.log(${JSON.stringify(text)});\n`,
      }),
    }),
    unbuildable: async () => ({
      build,
      workspace: await workspace({
        Dockerfile: 'FROM library/node-base:24\nRUN make\n',
      }),
    }),
    close: async () => {
      await registry.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
});

describeImageScannerContract('The npm scanner', async () => {
  const root = await temporary();
  const layout = await OciLayout.create(join(root, 'layout'));
  const registry: TestRegistry = {
    layout,
    access: { url: 'http://127.0.0.1', host: '127.0.0.1' },
    close: async () => {},
  };
  return {
    scanner: createNpmScanner({
      advisories: resolve(__dirname, '../../../examples/advisories'),
    }),
    vulnerable: {
      package: '@storefront/price-format',
      version: '1.1.0',
      severity: 'critical',
    },
    async image(kind) {
      const reference = await pushTestImage(
        registry,
        kind === 'opaque'
          ? [file('bin/tool', 'ELF')]
          : [
              file('app/package.json', '{"name":"sample","version":"1.0.0"}'),
              file(
                'app/node_modules/@storefront/price-format/package.json',
                '{"name":"@storefront/price-format","version":"1.1.0"}',
              ),
            ],
      );
      return {
        layout: layout.directory,
        digest: reference.slice(reference.indexOf('@') + 1),
      };
    },
    close: () => rm(root, { recursive: true, force: true }),
  };
});
