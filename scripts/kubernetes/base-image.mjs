// Pushes `library/node-base:24` to the registry of the Kubernetes example: the
// Node that runs this, npm, a shell, and the libraries they load. For trying
// out; a platform has base images of its own. Needs buildctl and Linux.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const DOCKERFILE = `FROM scratch
COPY root/ /
ENV PATH=/usr/local/bin:/bin NODE_ENV=production
WORKDIR /app
`;

/** Program, as it is called in the image. */
const PROGRAMS = [
  ['/usr/local/bin/node', process.execPath],
  ['/bin/sh', '/bin/sh'],
];

function copy(from, to) {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.copyFileSync(fs.realpathSync(from), to);
  fs.chmodSync(to, 0o755);
}

function libraries(program) {
  const { stdout } = spawnSync('ldd', [fs.realpathSync(program)], {
    encoding: 'utf8',
  });
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, file]) => file);
}

function findOnPath(name) {
  const found = process.env.PATH.split(path.delimiter)
    .map(folder => path.join(folder, name))
    .find(file => fs.existsSync(file));
  if (!found) throw new Error(`${name} is not on PATH`);
  return found;
}

function npmFolder() {
  const cli = fs.realpathSync(findOnPath('npm'));
  return path.resolve(path.dirname(cli), '..');
}

export function pushBaseImage({ registry, buildkit, say }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-base-'));
  try {
    const root = path.join(folder, 'root');
    for (const [name, program] of PROGRAMS) {
      copy(program, path.join(root, name));
      for (const library of libraries(program))
        copy(library, path.join(root, library));
    }
    const npm = '/usr/local/lib/node_modules/npm';
    fs.cpSync(npmFolder(), path.join(root, npm), {
      recursive: true,
      dereference: true,
    });
    fs.writeFileSync(
      path.join(root, 'usr/local/bin/npm'),
      `#!/bin/sh\nexec /usr/local/bin/node ${npm}/bin/npm-cli.js "$@"\n`,
      { mode: 0o755 },
    );
    fs.mkdirSync(path.join(root, 'etc'), { recursive: true });
    fs.writeFileSync(
      path.join(root, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000:node:/app:/bin/sh\n',
    );
    for (const name of ['tmp', 'app', 'root'])
      fs.mkdirSync(path.join(root, name), { recursive: true });
    fs.writeFileSync(path.join(folder, 'Dockerfile'), DOCKERFILE);
    const name = `${registry}/library/node-base:24`;
    say(`builds and pushes ${name}`);
    execFileSync(
      'buildctl',
      [
        '--addr',
        buildkit,
        'build',
        '--progress=plain',
        '--frontend=dockerfile.v0',
        `--local=context=${folder}`,
        `--local=dockerfile=${folder}`,
        '--opt',
        'build-arg:SOURCE_DATE_EPOCH=0',
        '--output',
        `type=image,name=${name},push=true,oci-mediatypes=true,rewrite-timestamp=true`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], timeout: 300_000 },
    );
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { SLIPWAY_REGISTRY: registry, BUILDKIT_HOST: buildkit } = process.env;
  if (!registry || !buildkit) {
    console.error(
      'base-image: SLIPWAY_REGISTRY (host:port) and BUILDKIT_HOST are needed',
    );
    process.exit(1);
  }
  pushBaseImage({ registry, buildkit, say: line => console.log(line) });
}
