/*
 * A thousand workloads with three pods each, watched: the memory that it takes,
 * and how soon a process that has just begun knows them all. See
 * bench/README.md.
 */
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { delay, runBench } from './lib/clusterBench.mjs';
import { percentile } from './lib/numbers.mjs';
import { argument } from './lib/summary.mjs';

const require = createRequire(import.meta.url);
const module = '../plugins/delivery-backend-module-kubernetes/src';
const names = require(`${module}/names.ts`);

const WORKLOADS = Number(argument('--workloads') ?? 1_000);
const PODS = 3;
const STARTS = 5;
const TOGETHER = 24;
const MEMORY_MB = 256;
const CATCH_UP_MS = 10_000;
/** How long a process may take to say a thing before the bench gives up. */
const PATIENCE_MS = 120_000;
// What others have written on our objects is kept; of ours that must be nothing.
const manager = { fieldManager: names.FIELD_MANAGER };
const signal = new AbortController().signal;

/** Runs `act` for each, so many at a time. */
async function each(items, act) {
  const left = [...items];
  await Promise.all(
    Array.from({ length: TOGETHER }, async () => {
      while (left.length > 0) await act(left.pop());
    }),
  );
}

const targetOf = number => ({
  service: `component:default/bench-${String(number).padStart(5, '0')}`,
  environment: 'production',
});

/**
 * As we deploy them, and as a node would report the pods. The Deployment is
 * paused and the ReplicaSet wants nothing, so that no controller has anything
 * to do with pods that no scheduler places. The ReplicaSet lacks the label
 * `app`: else the Deployment, paused or not, would take it as its own and
 * scale it, and each target would have three pods more than were made here.
 */
function objectsOf(number, namespace) {
  const target = targetOf(number);
  const name = target.service.split('/')[1];
  const ours = {
    [names.TARGET_LABEL]: names.targetLabel(target),
    [names.GENERATION_LABEL]: 'g1',
  };
  const labels = { app: name, ...ours };
  const annotations = {
    [names.TARGET_ANNOTATION]: `${target.service}@${target.environment}`,
    [names.REVISION_ANNOTATION]: '1',
    [names.EPOCH_ANNOTATION]: '1',
  };
  const spec = {
    schedulerName: 'nobody',
    containers: [
      {
        name: 'app',
        image: 'registry.invalid/app:1',
        env: Array.from({ length: 20 }, (_, n) => ({
          name: `SETTING_${n}`,
          value: 'a value of usual length',
        })),
        resources: { requests: { cpu: '10m', memory: '32Mi' } },
      },
    ],
  };
  const template = { metadata: { labels, annotations }, spec };
  return {
    deployment: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name,
        namespace,
        labels: { ...labels, [names.ROLE_LABEL]: 'workload' },
        annotations,
      },
      spec: {
        paused: true,
        replicas: PODS,
        selector: { matchLabels: labels },
        template,
      },
    },
    replicaSet: {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: `${name}-1`, namespace, labels: ours, annotations },
      spec: {
        replicas: 0,
        selector: { matchLabels: { ...ours, set: 'none' } },
        template: { spec, metadata: { labels: { ...ours, set: 'none' } } },
      },
    },
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, labels, annotations },
      spec: {
        clusterIP: 'None',
        selector: { app: 'nobody' },
        ports: [{ port: 80 }],
      },
    },
    pods: Array.from({ length: PODS }, (_, index) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${name}-1-${index}`, namespace, labels, annotations },
      spec,
    })),
  };
}

function statusOf(atMs) {
  const at = new Date(atMs).toISOString();
  return {
    phase: 'Running',
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map(
      type => ({ type, status: 'True', lastTransitionTime: at }),
    ),
    podIP: '10.1.2.3',
    startTime: at,
    containerStatuses: [
      {
        name: 'app',
        ready: true,
        started: true,
        restartCount: 0,
        image: 'registry.invalid/app:1',
        imageID: `registry.invalid/app@sha256:${'a'.repeat(64)}`,
        containerID: `containerd://${'b'.repeat(64)}`,
        state: { running: { startedAt: at } },
      },
    ],
  };
}

async function make(client, namespace) {
  await each(
    Array.from({ length: WORKLOADS }, (_, number) => number),
    async number => {
      const { deployment, replicaSet, service, pods } = objectsOf(
        number,
        namespace,
      );
      for (const object of [deployment, replicaSet, service, ...pods]) {
        await client.create(object, manager, signal);
      }
      for (const { metadata } of pods) {
        await client.patch(
          { apiVersion: 'v1', kind: 'Pod', name: metadata.name, namespace },
          { status: statusOf(Date.now()) },
          { ...manager, subresource: 'status' },
          signal,
        );
      }
    },
  );
}

/** One process that watches, from its beginning until it knows everything. */
async function watcher(settings, namespace, onEnd) {
  const child = fork(new URL('lib/watcher.mjs', import.meta.url), {
    execArgv: ['--expose-gc'],
  });
  onEnd(() => child.kill('SIGKILL'));
  let hasEnded = false;
  child.once('exit', () => {
    hasEnded = true;
  });
  // What it said last of how far it is.
  let progress = 'nothing';
  child.on('message', message => {
    if (message.verb === 'progress') progress = message.text;
  });
  /** The next message with this verb that `is` the one. */
  const told = (verb, is = () => true) =>
    new Promise((done, failed) => {
      const fail = what =>
        failed(
          new Error(
            `Expected '${verb}' from the watching process, ${what}; it said last: ${progress}. Look into bench/lib/watcher.mjs, and at the objects in ${namespace}`,
          ),
        );
      const ended = (code, killed) =>
        fail(`and it ended with ${code ?? killed}`);
      const limit = setTimeout(
        () => end(() => fail(`and did not hear it within ${PATIENCE_MS} ms`)),
        PATIENCE_MS,
      );
      function end(then) {
        clearTimeout(limit);
        child.off('message', hear);
        child.off('exit', ended);
        then();
      }
      function hear(message) {
        if (message.verb === verb && is(message)) end(() => done(message));
      }
      child.on('message', hear);
      child.once('exit', ended);
    });
  /** Killed as a crash would; answers when it is gone. */
  const kill = () =>
    new Promise(done => {
      if (hasEnded) {
        done();
        return;
      }
      child.once('exit', done);
      child.kill('SIGKILL');
    });
  await told('loaded');
  const startedAt = Date.now();
  child.send({
    verb: 'start',
    settings,
    namespace,
    workloads: WORKLOADS,
    instances: PODS,
  });
  const { empty } = await told('begun');
  const { objects, knownMs } = await told('caught-up');
  const catchUpMs = Date.now() - startedAt;
  const memory = told('memory');
  child.send({ verb: 'memory' });
  return {
    told,
    kill,
    catchUpMs,
    knownMs,
    objects,
    empty,
    memory: (await memory).memory,
  };
}

await runBench(async ({ world, onEnd }) => {
  const { client, namespace, settings } = world;
  const startedAt = Date.now();
  await make(client, namespace);
  console.log(
    `${WORKLOADS} workloads, ${WORKLOADS * PODS} pods made in ${Math.round(
      (Date.now() - startedAt) / 1000,
    )} s`,
  );
  const starts = [];
  for (let start = 0; start < STARTS; start += 1) {
    const one = await watcher(settings, namespace, onEnd);
    // The next is another process.
    await one.kill();
    const mb = bytes => Number((bytes / 1024 / 1024).toFixed(1));
    starts.push({
      catchUpMs: one.catchUpMs,
      instancesKnownMs: one.knownMs,
      objects: one.objects,
      heapMb: mb(one.memory.heapUsed - one.empty.heapUsed),
      rssMb: mb(one.memory.rss),
      rssBeforeMb: mb(one.empty.rss),
    });
    console.log(starts.at(-1));
  }
  // A change after all of it is known.
  const last = await watcher(settings, namespace, onEnd);
  const latencies = [];
  for (let number = 0; number < 20; number += 1) {
    const { service } = targetOf((number * 7) % WORKLOADS);
    const name = `${service.split('/')[1]}-1-0`;
    const heard = last.told('changed', message => message.service === service);
    const changedAt = performance.now();
    const status = statusOf(Date.now());
    status.containerStatuses[0].ready = false;
    status.conditions.at(-1).status = 'False';
    await client.patch(
      { apiVersion: 'v1', kind: 'Pod', name, namespace },
      { status },
      { ...manager, subresource: 'status' },
      signal,
    );
    await heard;
    latencies.push(performance.now() - changedAt);
    await delay(50);
  }
  const catchUpMs = percentile(
    starts.map(start => start.catchUpMs),
    50,
  );
  const heapMb = percentile(
    starts.map(start => start.heapMb),
    50,
  );
  const results = {
    workloads: WORKLOADS,
    pods: WORKLOADS * PODS,
    catchUpMs,
    worstCatchUpMs: Math.max(...starts.map(start => start.catchUpMs)),
    heapMb,
    rssMb: percentile(
      starts.map(start => start.rssMb),
      50,
    ),
    changeP95Ms: Math.round(percentile(latencies, 95)),
    isOver: catchUpMs > CATCH_UP_MS || heapMb > MEMORY_MB,
    starts,
  };
  console.log(
    `known after ${catchUpMs} ms (median of ${STARTS} starts, budget ${CATCH_UP_MS}), ${heapMb} MB of heap (budget ${MEMORY_MB}), ${results.rssMb} MB resident; a change is told in ${results.changeP95Ms} ms (95th percentile, with the write)`,
  );
  return results;
});
