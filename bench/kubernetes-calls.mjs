/*
 * What we ask of the API server: for one deployment, at rest, and at rest with
 * ten people who look at one entity; beside Backstage's kubernetes plugin with
 * ten people who look at the same. See bench/README.md.
 */
import { fork } from 'node:child_process';
import { resolve } from 'node:path';
import {
  delay,
  manifestsOf,
  runBench,
  startBackend,
} from './lib/clusterBench.mjs';
import { definition, STRATEGIES } from './lib/clusterStrategies.mjs';
import { startCountingProxy } from './lib/countingProxy.mjs';
import { argument } from './lib/summary.mjs';

const VIEWERS = 10;
const MINUTE_MS = 60_000;
/** As the Delivery tab does (RATES_EVERY_MS). */
const PAGE_EVERY_MS = 5_000;
/** As the Kubernetes tab does (useKubernetesObjects). */
const PEER_EVERY_MS = 10_000;
const minutes = Number(argument('--minutes') ?? 1);

/** `GET pods` and so on, most often first. */
function byWhat(calls) {
  const counts = {};
  for (const { verb, path } of calls) {
    const what = `${verb} ${resourceOf(path)}`;
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return Object.fromEntries(
    Object.entries(counts).sort(([, one], [, other]) => other - one),
  );
}

function resourceOf(path) {
  const parts = path.split('/').filter(Boolean);
  const group = parts[0] === 'api' ? parts.slice(2) : parts.slice(3);
  const inside =
    group[0] === 'namespaces' && group.length > 2 ? group.slice(2) : group;
  const [resource = 'discovery', name, sub] = inside;
  return [resource, name && '{name}', sub].filter(Boolean).join('/');
}

/** All that the API server counted, of everybody: a check of the proxy. */
async function countedByServer(world) {
  const text = await world.client.raw(
    { method: 'GET', path: '/metrics', accept: 'text/plain' },
    new AbortController().signal,
  );
  return [...String(text).matchAll(/^apiserver_request_total\{.*\} (\S+)$/gm)]
    .map(([, value]) => Number(value))
    .reduce((sum, value) => sum + value, 0);
}

await runBench(async opened => {
  const { world, onEnd } = opened;
  const proxy = await startCountingProxy(world.settings);
  onEnd(() => proxy.close());
  const backend = await startBackend(opened, { cluster: { url: proxy.url } });
  const [target] = backend.targets;
  const name = world.nameOf(target);

  async function deployed(version, strategy) {
    const release = await backend.release(
      target,
      { version },
      {
        'delivery.yaml': definition(name, STRATEGIES[strategy]),
        'deploy.yaml': manifestsOf(world, target, { replicas: 3 }),
      },
    );
    proxy.reset();
    const ended = await backend.ended(await backend.deploy(target, release.id));
    if (ended.outcome !== 'succeeded') {
      throw new Error(`${ended.outcome}: ${JSON.stringify(ended.reason)}`);
    }
    // What is cleared away afterwards belongs to it.
    await delay(8_000);
    const calls = proxy.calls();
    const row = {
      what: `deployment, ${strategy}${version === 'one' ? ' (the first)' : ''}`,
      seconds: Math.round((ended.finishedAtMs - ended.createdAtMs) / 1000),
      calls: calls.length,
      kinds: byWhat(calls),
    };
    console.log(row);
    return row;
  }

  const rows = [
    await deployed('one', 'rolling'),
    await deployed('two', 'rolling'),
    await deployed('three', 'canary'),
  ];
  // Until nothing is left to be looked at again.
  await delay(45_000);

  async function atRest(what, more = {}, counter = proxy) {
    counter.reset();
    const before = await countedByServer(world);
    await delay(minutes * MINUTE_MS);
    const calls = counter.calls();
    const everybody = (await countedByServer(world)) - before;
    const row = {
      what,
      callsPerMinute: calls.length / minutes,
      everybodyPerMinute: Math.round(everybody / minutes),
      kinds: byWhat(calls),
      ...more,
    };
    console.log(row);
    rows.push(row);
    return row;
  }
  const alone = await atRest('at rest, nobody looks');

  const leaving = new AbortController();
  onEnd(() => leaving.abort());
  const read = { pages: 0, events: 0 };
  const path = `services/${target.service.replace(':', '/')}/overview`;
  for (let viewer = 0; viewer < VIEWERS; viewer += 1) {
    const look = async () => {
      await delay((viewer * PAGE_EVERY_MS) / VIEWERS);
      while (!leaving.signal.aborted) {
        await backend.api.call('GET', path);
        read.pages += 1;
        await delay(PAGE_EVERY_MS);
      }
    };
    backend.api
      .follow(
        () => {
          read.events += 1;
        },
        leaving.signal,
        `?services=${encodeURIComponent(target.service)}`,
      )
      .catch(error => console.error(`A stream ended: ${error}`));
    look().catch(error => console.error(`A viewer left: ${error}`));
  }
  await delay(PAGE_EVERY_MS * 2);
  const watched = await atRest(`at rest, ${VIEWERS} people look`);
  leaving.abort();
  await delay(PAGE_EVERY_MS);
  console.log(`they read ${read.pages} pages, and heard ${read.events} events`);

  const folder = argument('--peer');
  let peer;
  if (folder) {
    const peerProxy = await startCountingProxy(world.settings);
    onEnd(() => peerProxy.close());
    const child = fork(new URL('lib/kubernetesPlugin.mjs', import.meta.url));
    onEnd(() => child.kill('SIGKILL'));
    const entity = peerEntity(name, world.namespace);
    const { port, version } = await new Promise((done, failed) => {
      child.once('message', answer =>
        answer.error ? failed(new Error(answer.error)) : done(answer),
      );
      child.send({
        folder: resolve(folder),
        entities: [entity],
        cluster: { ...world.settings, url: peerProxy.url },
      });
    });
    const gone = new AbortController();
    onEnd(() => gone.abort());
    let looks = 0;
    let objects = 0;
    for (let viewer = 0; viewer < VIEWERS; viewer += 1) {
      const look = async () => {
        await delay((viewer * PEER_EVERY_MS) / VIEWERS);
        while (!gone.signal.aborted) {
          const response = await fetch(
            `http://127.0.0.1:${port}/api/kubernetes/services/${name}`,
            {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ entity }),
            },
          );
          const { items = [] } = await response.json();
          looks += 1;
          objects = items
            .flatMap(({ resources }) => resources)
            .reduce((sum, { resources }) => sum + resources.length, 0);
          await delay(PEER_EVERY_MS);
        }
      };
      look().catch(error => console.error(`A viewer left: ${error}`));
    }
    await delay(PEER_EVERY_MS * 1.5);
    peer = await atRest(
      `Backstage's kubernetes plugin, ${VIEWERS} people look`,
      { version },
      peerProxy,
    );
    gone.abort();
    console.log(
      `they looked ${looks} times, and the last saw ${objects} objects`,
    );
    if (objects === 0) throw new Error('The peer saw nothing');
  } else {
    console.warn(
      'SKIPPED: the peer needs --peer FOLDER, where @backstage/plugin-kubernetes-backend is installed',
    );
  }
  const moreByViewers = watched.callsPerMinute - alone.callsPerMinute;
  console.log(
    `our ${VIEWERS} viewers cost ${moreByViewers} calls a minute (budget 0)${
      peer ? `, Backstage's ${peer.callsPerMinute}` : ''
    }`,
  );
  return {
    viewers: VIEWERS,
    moreByViewers,
    isOver: moreByViewers > 0,
    read,
    rows,
  };
});

function peerEntity(name, namespace) {
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Component',
    metadata: {
      name,
      namespace: 'default',
      annotations: {
        'backstage.io/kubernetes-label-selector': `app=${name}`,
        'backstage.io/kubernetes-namespace': namespace,
      },
    },
    spec: { type: 'service', owner: 'shop', lifecycle: 'production' },
  };
}
