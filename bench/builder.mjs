/*
 * How fast is the embedded builder, compared with buildah, for the same image
 * without RUN on the same base, which both have already? Both begin with no
 * layers of the image and end with an OCI layout on disk. See bench/README.md.
 */
import { createRequire } from 'node:module';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { percentile } from './lib/numbers.mjs';

const require = createRequire(import.meta.url);
require('@backstage/cli/config/nodeTransform.cjs');
const local = '../plugins/delivery-backend-module-local/src';
const { startRegistry } = require(`${local}/registry/index.ts`);
const {
  createEmbeddedBuilder,
  makeBaseImage,
} = require(`${local}/builder/index.ts`);
const {
  createRegistryClient,
  OciLayout,
} = require('../plugins/delivery-node/src/index.ts');

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '1500' },
    kilobytes: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '5' },
    'storage-driver': { type: 'string', default: 'overlay' },
    json: { type: 'string' },
  },
});
const BUDGET_RATIO = 3;
const rounds = Number(options.rounds);

function hasBuildah() {
  try {
    execFileSync('buildah', ['--version'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (error.code !== 'ENOENT') {
      throw error;
    }
    return false;
  }
}

if (!hasBuildah()) {
  if (process.getuid?.() !== 0) {
    console.error('bench/builder: install buildah first');
    process.exit(2);
  }
  execFileSync('apt-get', ['install', '-y', '-qq', 'buildah'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 600_000,
  });
}

/** Text that compresses about as well as source code does. */
function sourceText(seed, bytes) {
  let text = '';
  let state = seed + 1;
  while (text.length < bytes) {
    state = (state * 1103515245 + 12345) % 2147483648;
    text += `export const value${state} = call(${state % 997}, 'item-${
      state % 31
    }');\n`;
  }
  return text.slice(0, bytes);
}

function writeService(root, changed = '') {
  const bytes = Number(options.kilobytes) * 1024;
  for (let index = 0; index < Number(options.files); index += 1) {
    const folder = join(root, 'vendor', `package-${index % 50}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file-${index}.js`), sourceText(index, bytes));
  }
  writeFileSync(join(root, 'server.js'), `console.log(1);${changed}`);
  writeFileSync(join(root, 'package.json'), '{"name":"svc"}');
  writeFileSync(
    join(root, 'Dockerfile'),
    [
      'FROM library/node-base:24',
      'WORKDIR /app',
      'COPY vendor ./vendor/',
      'COPY package.json server.js ./',
      'USER 1000',
      'ENTRYPOINT ["node"]',
      'CMD ["server.js"]',
    ].join('\n'),
  );
}

const work = mkdtempSync(join(tmpdir(), 'slipway-bench-builder-'));
const logger = {
  info() {},
  debug() {},
  warn: console.warn,
  error: console.error,
};
const registry = await startRegistry({
  directory: join(work, 'registry'),
  logger,
});
const storage = [
  `--storage-driver=${options['storage-driver']}`,
  `--root=${join(work, 'storage')}`,
  `--runroot=${join(work, 'run')}`,
];
// Not the synchronous call: the registry that it pulls from is in this process.
const buildah = args =>
  promisify(execFile)('buildah', [...storage, ...args], { timeout: 300_000 });

async function timed(run) {
  const start = process.hrtime.bigint();
  const result = await run();
  return { ms: Number(process.hrtime.bigint() - start) / 1e6, result };
}

function embedded(name, root, cache) {
  const layout = join(work, `embedded-${name}`);
  mkdirSync(layout);
  return createEmbeddedBuilder({ cacheDirectory: cache }).build({
    service: 'component:default/svc',
    image: 'app',
    workspace: {
      root,
      commit: { sha: '', message: '', author: '', committedAtMs: 0 },
    },
    build: { context: '.', dockerfile: 'Dockerfile', args: {} },
    registry: registry.access,
    layout,
    annotations: {},
    sourceDateEpoch: 1_700_000_000,
    log: () => {},
    signal: new AbortController().signal,
  });
}

async function peer(name, root) {
  const tag = `bench-${name}`;
  await buildah([
    'bud',
    '--isolation=chroot',
    '--network=host',
    '--timestamp=1700000000',
    '--no-cache',
    '--layers',
    '--pull=false',
    '-t',
    tag,
    root,
  ]);
  await buildah(['push', tag, `oci:${join(work, `buildah-${name}`)}:latest`]);
}

try {
  await makeBaseImage({
    registry: registry.access,
    directory: join(work, 'base'),
    sourceDateEpoch: 0,
  });
  const root = join(work, 'context');
  mkdirSync(root);
  writeService(root);

  // Both have the base before the clock starts.
  const cache = join(work, 'cache');
  await embedded('warm', root, cache);
  await buildah([
    'pull',
    '--tls-verify=false',
    `docker://${registry.access.host}/library/node-base:24`,
  ]);
  await buildah([
    'tag',
    `${registry.access.host}/library/node-base:24`,
    'localhost/library/node-base:24',
  ]);
  const peerRoot = join(work, 'peer');
  mkdirSync(peerRoot);
  writeService(peerRoot);
  const peerFile = join(peerRoot, 'Dockerfile');
  writeFileSync(
    peerFile,
    execFileSync('cat', [peerFile])
      .toString()
      .replace('library/node-base:24', 'localhost/library/node-base:24'),
  );

  const ours = [];
  const theirs = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push((await timed(() => embedded(`cold-${round}`, root, cache))).ms);
    theirs.push((await timed(() => peer(`cold-${round}`, peerRoot))).ms);
  }

  // A rebuild with the same dependencies, pushed after the first image.
  const client = createRegistryClient(registry.access);
  const push = async (name, result) =>
    client.pushLayout(
      await OciLayout.open(join(work, `embedded-${name}`)),
      result.digest,
      'bench/svc',
    );
  await push('warm', await embedded('first', root, cache));
  writeFileSync(join(root, 'server.js'), 'console.log(2);');
  const rebuilt = await embedded('rebuilt', root, cache);
  const moved = await push('rebuilt', rebuilt);
  const before = registry.access.url;
  let promotedBytes = 0;
  const counting = createRegistryClient(registry.access, {
    fetch: async (input, init) => {
      const path = new URL(String(input), before).pathname;
      if (path.includes('/blobs/') && init?.body) {
        promotedBytes += init.body.byteLength ?? Number.NaN;
      }
      return fetch(input, init);
    },
  });
  await counting.promote('bench/svc', 'bench/promoted', rebuilt.digest);

  const oursMs = percentile(ours, 50);
  const theirsMs = percentile(theirs, 50);
  const ratio = theirsMs / oursMs;
  const report = {
    image: `${options.files} files of ${options.kilobytes} KiB`,
    embeddedMs: Math.round(oursMs),
    buildahMs: Math.round(theirsMs),
    ratio: Number(ratio.toFixed(2)),
    budgetRatio: BUDGET_RATIO,
    imageBytes: rebuilt.sizeBytes,
    rebuildUploadedBytes: moved.uploadedBytes,
    rebuildUploadedBlobs: moved.uploaded.length,
    promotionBlobBytes: promotedBytes,
  };
  console.table(report);
  if (options.json) {
    writeFileSync(options.json, JSON.stringify(report, undefined, 2));
  }
  const isGood =
    ratio >= BUDGET_RATIO && promotedBytes === 0 && moved.uploaded.length === 2;
  if (!isGood) {
    console.error('bench/builder: over its budget');
    process.exitCode = 1;
  }
} finally {
  await registry.stop();
  // The overlay driver leaves its folder mounted.
  try {
    execFileSync('umount', [join(work, 'storage', 'overlay')], {
      stdio: 'ignore',
    });
  } catch (error) {
    console.warn(`bench/builder: nothing to unmount (${error.status})`);
  }
  rmSync(work, { recursive: true, force: true });
}
