// `npm start` after the set-up: makes the example, says what runs and where,
// and starts the portal. The services of the example are run by a process of
// their own that outlives the portal; `npm start -- --stop` ends it.
import fs from 'node:fs/promises';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { answers } from './answers.mjs';
import { makeCatalog, makeRepository } from './example.mjs';
import { prepareKubernetes } from './kubernetes/prepare.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
// On a real cluster, with data of its own.
const onKubernetes = process.argv.includes('--kubernetes');
const data = path.resolve(
  process.env.SLIPWAY_DATA ??
    path.join(root, onKubernetes ? '.slipway/kubernetes' : '.slipway'),
);
const repositories = path.join(data, 'repositories');
const say = line => process.stdout.write(`[slipway] ${line}\n`);

if (process.argv.includes('--help')) {
  say('npm start              start the portal and the example');
  say('npm start -- --stop    stop the services of the example');
  say('npm start -- --kubernetes   the example on a cluster (README)');
  process.exit(0);
}

if (process.argv.includes('--stop')) {
  const { stopServices } = await import('./stop.mjs');
  process.exit(await stopServices(data, say));
}

if (onKubernetes) {
  const problem = await prepareKubernetes({ root, say });
  if (problem) {
    say(problem);
    process.exit(1);
  }
}

await fs.mkdir(repositories, { recursive: true, mode: 0o700 });
const made = await makeRepository(
  path.join(root, 'examples', 'storefront'),
  path.join(repositories, 'storefront'),
  onKubernetes
    ? path.join(root, 'examples', 'kubernetes', 'storefront')
    : undefined,
);
await makeCatalog(
  path.join(root, 'examples', 'catalog'),
  path.join(data, 'catalog'),
  repositories,
);

say(made ? 'made the example repository' : 'the example repository is there');
const shown = file => path.relative(process.cwd(), file) || '.';
const summary = [
  'portal    http://localhost:3000  (enter as guest, then open Checkout > Delivery)',
  'backend   http://localhost:7007/api/delivery',
  `data      ${shown(data)}  (delete it to begin again)`,
  `commits   ${shown(
    path.join(repositories, 'storefront'),
  )}  (a git repository: add your own)`,
  ...(onKubernetes
    ? []
    : [
        'the services go on when this stops; end them with: npm start -- --stop',
      ]),
];
say('starts the portal');

const require = createRequire(import.meta.url);
const cli = path.join(
  path.dirname(require.resolve('@backstage/cli/package.json')),
  'bin',
  'backstage-cli',
);
const configs = onKubernetes
  ? ['app-config.yaml', 'app-config.kubernetes.yaml'].flatMap(file => [
      '--config',
      path.join(root, file),
    ])
  : [];
const child = spawn(
  process.execPath,
  [
    cli,
    'repo',
    'start',
    ...configs,
    ...process.argv.slice(2).filter(argument => argument !== '--kubernetes'),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SLIPWAY_DATA: data },
  },
);
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => child.kill(signal));
child.on('close', code => process.exit(code ?? 0));

// What stands at the top has long scrolled away when the portal can be used.
const startedAtMs = Date.now();
for (const url of [
  'http://localhost:7007/.backstage/health/v1/readiness',
  'http://localhost:3000',
])
  while (!(await answers(url).catch(() => false))) await delay(500);
say(`ready after ${Math.round((Date.now() - startedAtMs) / 1000)} s`);
summary.forEach(say);
