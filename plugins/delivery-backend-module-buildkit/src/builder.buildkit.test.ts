import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { BuildModel } from '@slipway/backstage-plugin-delivery-common';
import {
  createRegistryClient,
  OciLayout,
  RegistryAccess,
  Workspace,
} from '@slipway/backstage-plugin-delivery-node';
import { describeImageBuilderContract } from '@slipway/backstage-plugin-delivery-node/testing';
import { pushShellImage } from './__testUtils__/baseImage';
import { createBuildkitBuilder } from './builder';
import { BuildkitConfig } from './config';

/*
 * On a real BuildKit (BUILDKIT_HOST, buildctl on PATH) with a real registry
 * that it reaches (SLIPWAY_REGISTRY, plain HTTP).
 */

const { BUILDKIT_HOST, SLIPWAY_REGISTRY, SLIPWAY_REQUIRE_CLUSTER } =
  process.env;
const isThere = Boolean(BUILDKIT_HOST && SLIPWAY_REGISTRY);
if (!isThere) {
  const message =
    'BuildKit: the tests on a real one need BUILDKIT_HOST and SLIPWAY_REGISTRY';
  if (SLIPWAY_REQUIRE_CLUSTER) {
    throw new Error(message);
  }
  // eslint-disable-next-line no-console
  console.warn(`SKIPPED ${message}`);
}
const describeThere = isThere ? describe : describe.skip;

jest.setTimeout(180_000);

const config: BuildkitConfig = {
  address: BUILDKIT_HOST ?? 'unix:///nowhere',
  binary: 'buildctl',
  timeoutMs: 120_000,
  maxBytes: 1024 ** 3,
  registries: [],
  priority: 10,
};
const registry: RegistryAccess = {
  url: `http://${SLIPWAY_REGISTRY}`,
  host: `${SLIPWAY_REGISTRY}`,
};
const base = `slipway-test/shell-${randomBytes(4).toString('hex')}`;
const model: BuildModel = { context: '.', dockerfile: 'Dockerfile', args: {} };
let root: string;
let baseDigest: string;
let serial = 0;

async function workspace(files: Record<string, string>): Promise<Workspace> {
  serial += 1;
  const directory = join(root, `workspace-${serial}`);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  return {
    root: directory,
    commit: {
      sha: '1'.repeat(40),
      message: 'A commit',
      author: 'Ann',
      committedAtMs: 1_700_000_000_000,
    },
  };
}

async function build(
  files: Record<string, string>,
  options: {
    build?: Partial<BuildModel>;
    config?: Partial<BuildkitConfig>;
    signal?: AbortSignal;
    workspace?: Workspace;
  } = {},
) {
  serial += 1;
  const layout = join(root, `layout-${serial}`);
  await mkdir(layout, { recursive: true });
  const lines: string[] = [];
  const result = await createBuildkitBuilder({
    ...config,
    ...options.config,
  }).build({
    service: 'component:default/sample',
    image: 'app',
    workspace: options.workspace ?? (await workspace(files)),
    build: { ...model, ...options.build },
    registry,
    layout,
    annotations: {
      'org.opencontainers.image.title': 'A "title", with all that',
    },
    sourceDateEpoch: 1_700_000_000,
    log: line => lines.push(line),
    signal: options.signal ?? new AbortController().signal,
  });
  return { result, layout, lines };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'slipway-buildkit-test-'));
  if (isThere) {
    baseDigest = await pushShellImage(registry, join(root, 'base'), base, '1');
  }
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

if (isThere) {
  describeImageBuilderContract('BuildKit', async () => ({
    builder: createBuildkitBuilder(config),
    registry,
    directory: join(root, 'contract'),
    buildable: async text => ({
      build: model,
      workspace: await workspace({
        Dockerfile: `FROM ${base}:1\nRUN echo built > /built.txt\nCOPY said.txt /said.txt\n`,
        'said.txt': text,
      }),
    }),
    unbuildable: async () => ({
      build: { context: '.', args: {} },
      workspace: await workspace({ 'a.txt': 'a' }),
    }),
    close: async () => {},
  }));
}

describeThere('BuildKit', () => {
  it('takes the base from the platform’s registry, by the digest it has now, and says so', async () => {
    const { result, layout, lines } = await build(
      {
        Dockerfile: `ARG VERSION=0\nFROM ${base}:\${VERSION} AS base\nRUN echo $(echo hi) > /hi.txt\nFROM base\n`,
      },
      { build: { args: { VERSION: '1' } } },
    );
    expect(lines.join('\n')).toContain(baseDigest);
    expect(result.inputs).toMatchObject({
      [`base:docker.io/${base}:1`]: baseDigest,
    });
    const written = await OciLayout.open(layout);
    const { manifest } = await written.readManifest(result.digest);
    const there = await createRegistryClient(registry).getManifest(base, '1');
    const layers = JSON.parse(`${there?.bytes}`).layers;
    expect(manifest).toMatchObject({
      layers: [{ digest: layers[0].digest }, expect.anything()],
      annotations: {
        'org.opencontainers.image.title': 'A "title", with all that',
      },
    });
  });

  it('has the same fingerprint as long as the base is the same', async () => {
    const files = { Dockerfile: `FROM ${base}:1\nRUN echo > /x\n` };
    const builder = createBuildkitBuilder(config);
    const ask = async () =>
      builder.fingerprint?.({
        build: model,
        workspace: await workspace(files),
        registry,
        signal: new AbortController().signal,
      });
    const first = await ask();
    expect(first).toMatchObject({ [`base:docker.io/${base}:1`]: baseDigest });
    expect(await ask()).toEqual(first);
  });

  it.each([
    ['an image of another registry', 'FROM evil.example.com/base:1\n'],
    ['an image that is nowhere', 'FROM slipway-test/absent:1\n'],
    ['an address', `FROM ${base}:1\nADD http://127.0.0.1:9/file /file\n`],
    [
      'a git repository',
      `FROM ${base}:1\nADD https://git.example.com/a/b.git /b\n`,
    ],
    [
      'a stage from elsewhere',
      `FROM ${base}:1\nCOPY --from=evil.example.com/x / /\n`,
    ],
  ])('is not led to %s', async (_, dockerfile) => {
    await expect(build({ Dockerfile: dockerfile })).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringMatching(/denied by policy/),
    });
  });

  it('a RUN that fails is the content’s fault, with its last words in the log', async () => {
    await expect(
      build({ Dockerfile: `FROM ${base}:1\nRUN echo no luck; exit 3\n` }),
    ).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringMatching(/exit code: 3/),
    });
  });

  it('a link out of the repository brings nothing of this machine into the image', async () => {
    const linked = await workspace({
      Dockerfile: `FROM ${base}:1\nCOPY secret /secret\n`,
    });
    await writeFile(join(root, 'outside.txt'), 'outside');
    await symlink(join(root, 'outside.txt'), join(linked.root, 'secret'));
    await expect(build({}, { workspace: linked })).rejects.toThrow();
  });

  it('ends with the signal, and at its limit', async () => {
    const slow = {
      Dockerfile: `FROM ${base}:1\nRUN while true; do true; done # ${randomBytes(
        4,
      ).toString('hex')}\n`,
    };
    const stop = new AbortController();
    const building = build(slow, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error('stopped')), 1_000);
    await expect(building).rejects.toThrow('stopped');
    await expect(
      build(slow, { config: { timeoutMs: 1_500 } }),
    ).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringMatching(/longer than/),
    });
  });

  it('an image that is too big is refused', async () => {
    await expect(
      build(
        { Dockerfile: `FROM ${base}:1\nRUN echo > /x\n` },
        { config: { maxBytes: 1_000 } },
      ),
    ).rejects.toThrow(/at most 1000/);
  });

  it('a BuildKit that is not there is nobody’s fault but ours', async () => {
    const error = await build(
      { Dockerfile: `FROM ${base}:1\n` },
      { config: { address: 'unix:///nowhere/buildkitd.sock' } },
    ).catch(caught => caught);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).not.toBe('InputError');
    await expect(
      build(
        { Dockerfile: `FROM ${base}:1\n` },
        { config: { binary: 'no-such-buildctl' } },
      ),
    ).rejects.toThrow(/not installed/);
  });
});

describe('before BuildKit is asked', () => {
  const refuses = async (dockerfile: string, path = 'Dockerfile') =>
    createBuildkitBuilder(config).refuses(
      { ...model, dockerfile: path },
      await workspace({ Dockerfile: dockerfile }),
    );

  it('another frontend is refused, with its line; its own is not pulled', async () => {
    expect(
      await refuses(
        '# escape=\\\n# syntax=evil.example.com/frontend\nFROM a\n',
      ),
    ).toMatch(/Dockerfile:2: the frontend "evil.example.com\/frontend"/);
    expect(
      await refuses('# syntax=docker/dockerfile:1.7\nFROM a\n'),
    ).toBeUndefined();
  });

  it('a Dockerfile that is not there, or elsewhere, is refused', async () => {
    expect(await refuses('FROM a\n', 'other/Dockerfile')).toMatch(
      /not in the repository/,
    );
    const linked = await workspace({ 'a.txt': 'a' });
    await symlink('/etc/passwd', join(linked.root, 'Dockerfile'));
    expect(await createBuildkitBuilder(config).refuses(model, linked)).toMatch(
      /leaves the repository/,
    );
  });
});
