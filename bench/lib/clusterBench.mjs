/*
 * What the benches on a real cluster share: a namespace with a service account
 * of the module's rights, the backend in a process of its own, its API, and the
 * sentences in which a bench speaks to it.
 */
import { execFile, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { argument } from './summary.mjs';

const require = createRequire(import.meta.url);
require('@backstage/cli/config/nodeTransform.cjs');
const {
  missingForCluster,
  openTestCluster,
  testManifests,
} = require('../../plugins/delivery-backend-module-kubernetes/src/testing');

const run = promisify(execFile);
const GATEWAY = { name: 'slipway', namespace: 'gateway' };
const PATIENCE_MS = 240_000;
/** A namespace with thousands of objects goes slowly. */
const CLEAR_PATIENCE_MS = 600_000;
export const ENVIRONMENT = 'production';

export { delay, testManifests };

/** Asks until the answer is one; errors after the patience. */
export async function until(what, ask, { everyMs = 100, patienceMs } = {}) {
  const deadlineMs = Date.now() + (patienceMs ?? PATIENCE_MS);
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadlineMs) throw new Error(`Waited too long: ${what}`);
    await delay(everyMs);
  }
}

export async function kubectl(...args) {
  const { stdout } = await run('kubectl', args, {
    timeout: PATIENCE_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

/** Ends the bench with a word where there is no cluster. */
export async function openBench() {
  const missing = missingForCluster();
  if (missing) {
    console.error(`This bench needs a cluster: set ${missing}`);
    process.exit(2);
  }
  const world = await openTestCluster();
  const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  const ends = [
    () => world.close(),
    () => namespaceGone(world.namespace),
    () => rmSync(directory, { recursive: true, force: true }),
  ];
  return {
    world,
    directory,
    /** Called at the end, the last one first. */
    onEnd: end => ends.unshift(end),
    async close() {
      for (const end of ends) await end();
    },
  };
}

/** The next bench, and whoever shares the cluster, must not pay for the clearing. */
async function namespaceGone(name) {
  await until(
    `the end of namespace ${name}`,
    async () =>
      !(await kubectl(
        'get',
        'namespace',
        name,
        '--ignore-not-found',
        '-oname',
      )),
    { everyMs: 1_000, patienceMs: CLEAR_PATIENCE_MS },
  );
}

/**
 * Runs a bench in a namespace of its own, and clears it away whatever happens.
 * What the bench answers is printed as JSON into the file of `--json`; it ends
 * with 1 when something in it says `isOver`.
 */
export async function runBench(bench) {
  const opened = await openBench();
  const loadBefore = loadavg()[0];
  const stopped = new Promise((_, failed) => {
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.once(signal, () => failed(new Error(`Ended by ${signal}`)));
    }
  });
  let results;
  let loadAfter;
  try {
    results = await Promise.race([bench(opened), stopped]);
  } finally {
    loadAfter = loadavg()[0];
    await opened.close();
  }
  const whole = {
    at: new Date().toISOString(),
    load: [loadBefore, loadAfter].map(value => Number(value.toFixed(1))),
    ...results,
  };
  console.log(`load before and after: ${whole.load.join(', ')}`);
  const file = argument('--json');
  if (file) writeFileSync(file, `${JSON.stringify(whole, undefined, 2)}\n`);
  process.exitCode = JSON.stringify(whole).includes('"isOver":true') ? 1 : 0;
}

/**
 * A service's manifests, as its repository has them. Without `probe` a pod is
 * ready when it runs, and not at the next full second after that.
 */
export function manifestsOf(world, target, options = {}) {
  const name = world.nameOf(target);
  const {
    route = world.gatewayUrl !== undefined,
    probe = true,
    ...rest
  } = options;
  const text = testManifests({
    name,
    ...(route && {
      route: { hostname: world.hostnameOf(target), gateway: GATEWAY },
    }),
    ...rest,
  });
  if (probe) return text;
  return text
    .split('\n---\n')
    .map(document => {
      const object = JSON.parse(document);
      for (const container of object.spec?.template?.spec.containers ?? []) {
        delete container.readinessProbe;
      }
      return JSON.stringify(object, undefined, 2);
    })
    .join('\n---\n');
}

/** The delivery backend on this cluster, in a process of its own. */
export async function startBackend({ world, directory, onEnd }, options = {}) {
  const { count = 1, cluster = {} } = options;
  const targets = Array.from({ length: count }, () => ({
    ...world.newTarget(),
    environment: ENVIRONMENT,
  }));
  const child = fork(new URL('clusterBackend.mjs', import.meta.url), {
    stdio: ['ignore', options.quiet ? 'ignore' : 'inherit', 'inherit', 'ipc'],
  });
  const ended = new Promise(resolve => child.once('exit', resolve));
  onEnd(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let sent = 0;
  const tell = (verb, given) =>
    new Promise((resolve, reject) => {
      const id = (sent += 1);
      const onMessage = message => {
        if (message.id !== id) return;
        child.off('message', onMessage);
        if (message.error) reject(new Error(message.error));
        else resolve(message.answer);
      };
      child.on('message', onMessage);
      ended.then(code => reject(new Error(`The backend ended with ${code}`)));
      child.send({ id, verb, given });
    });
  const { port } = await tell('start', {
    services: targets.map(({ service }) => service.split('/')[1]),
    environment: ENVIRONMENT,
    namespace: world.namespace,
    cluster: { ...world.settings, ...cluster },
    registry: world.registry,
    gatewayMetricsUrl: world.gatewayMetricsUrl,
    directory,
  });
  const api = createApi(`http://127.0.0.1:${port}/api/delivery/v1`);
  return { ...createVerbs(api, tell), api, targets, tell, pid: child.pid };
}

function createApi(base) {
  return {
    base,
    async call(method, path, body) {
      const response = await fetch(`${base}/${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) {
        throw new Error(`${method} ${path}: ${response.status} ${text}`);
      }
      return JSON.parse(text);
    },
    /** Calls back with each event of the stream, until the signal. */
    async follow(onEvent, signal, query = '') {
      const response = await fetch(`${base}/events${query}`, {
        headers: { accept: 'text/event-stream' },
        signal,
      });
      if (!response.ok) throw new Error(`events: ${response.status}`);
      const reader = async () => {
        const decoder = new TextDecoder();
        let text = '';
        for await (const chunk of response.body) {
          text += decoder.decode(chunk, { stream: true });
          let end = text.indexOf('\n\n');
          while (end >= 0) {
            const data = text
              .slice(0, end)
              .split('\n')
              .find(line => line.startsWith('data:'));
            text = text.slice(end + 2);
            if (data) onEvent(JSON.parse(data.slice(5)));
            end = text.indexOf('\n\n');
          }
        }
      };
      return reader().catch(error => {
        if (!signal?.aborted) throw error;
      });
    },
  };
}

function createVerbs(api, tell) {
  const read = async id =>
    (await api.call('GET', `deployments/${id}`)).deployment;
  return {
    read,
    /** A release of a new commit, once it is ready. */
    async release(target, service, files) {
      await tell('commit', { service, files });
      const path = `services/${target.service.replace(':', '/')}/releases`;
      const { id } = await api.call('POST', path, { commit: 'main' });
      const release = await until(`release ${service.version}`, async () => {
        const answer = await api.call('GET', `releases/${id}`);
        return answer.release.finishedAtMs !== undefined && answer.release;
      });
      if (release.status !== 'ready') {
        throw new Error(
          `A release ended ${release.status}: ${JSON.stringify(
            release.reason,
          )}`,
        );
      }
      return release;
    },
    async deploy(target, releaseId, more = {}) {
      const { id } = await api.call('POST', 'deployments', {
        ...target,
        releaseId,
        ...more,
      });
      return id;
    },
    command: (id, verb, reason = 'bench') =>
      api.call('POST', `deployments/${id}/commands`, { verb, reason }),
    until: (id, what, is) =>
      until(what, async () => {
        const deployment = await read(id);
        return (deployment.finishedAtMs || is(deployment)) && deployment;
      }),
    ended: id =>
      until(`the end of ${id}`, async () => {
        const deployment = await read(id);
        return deployment.finishedAtMs && deployment;
      }),
  };
}
