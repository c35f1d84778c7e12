/* One process that watches a cluster as the backend does; see kubernetes-watched.mjs. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
require('@backstage/cli/config/nodeTransform.cjs');
const { mockServices } = require('@backstage/backend-test-utils');
const source = '../../plugins/delivery-backend-module-kubernetes/src';
const { createKubeClient } = require(`${source}/client/index.ts`);
const {
  createClusterWatch,
  createLiveSource,
} = require(`${source}/watch/index.ts`);

const REPORT_EVERY_MS = 2_000;

function memory() {
  global.gc();
  global.gc();
  return process.memoryUsage();
}

function start({ settings, namespace, workloads, instances }) {
  const logger = mockServices.rootLogger({ level: 'warn' });
  const endpoint = {
    server: settings.url,
    tls: { ca: Buffer.from(settings.caData, 'base64') },
    headers: { Authorization: `Bearer ${settings.serviceAccountToken}` },
  };
  const client = createKubeClient({
    cluster: 'bench',
    endpoint: { current: async () => endpoint, renew: () => undefined },
  });
  const cluster = { name: 'bench', client, namespaceOf: async () => namespace };
  const watch = createClusterWatch({ cluster, logger });
  const live = createLiveSource({ cluster, watch, logger });
  // As the backend does, the last that was told of each target is kept.
  const latest = new Map();
  const besides = new Map();
  const whole = new Set();
  const startedAtMs = Date.now();
  let knownMs;
  let isCaughtUp = false;
  process.send({ verb: 'begun', empty: memory() });

  /** Caught up is: all instances were told, and every kind was read. */
  function look() {
    if (isCaughtUp || whole.size < workloads) return;
    knownMs ??= Date.now() - startedAtMs;
    const kinds = watch.status();
    if (kinds.some(({ status }) => status.state === 'lost')) return;
    isCaughtUp = true;
    clearInterval(report);
    const objects = Object.fromEntries(
      kinds.map(({ kind, objects: count }) => [kind, count]),
    );
    process.send({ verb: 'caught-up', objects, knownMs });
  }

  const report = setInterval(() => {
    const lost = watch
      .status()
      .filter(({ status }) => status.state === 'lost')
      .map(({ kind, status }) => `${kind} not read (${status.reason})`);
    // Others who use the cluster have none in this namespace.
    const lacking = [...latest].filter(([name]) => !whole.has(name));
    const [service, state] =
      lacking.find(([, { known }]) => known?.length !== 0) ?? lacking[0] ?? [];
    const example = service && [
      `${service} has ${
        state.known?.length ?? state.unknown
      } instead of ${instances} instances`,
    ];
    const text = [
      `${whole.size} of ${workloads} targets whole, ${latest.size} told of`,
      ...lost,
      ...(example ?? []),
    ].join('; ');
    process.send({ verb: 'progress', text });
  }, REPORT_EVERY_MS);

  watch.onStatus(look);
  live.watch(
    ({ service }, state) => {
      latest.set(service, state);
      if (isCaughtUp) {
        process.send({ verb: 'changed', service });
        return;
      }
      if ('known' in state && state.known.length === instances) {
        whole.add(service);
      } else {
        whole.delete(service);
      }
      look();
    },
    new AbortController().signal,
    () => {},
    ({ service }, beside) => besides.set(service, beside),
  );
}

process.on('message', message => {
  if (message.verb === 'start') start(message);
  else process.send({ verb: 'memory', memory: memory() });
});
process.on('disconnect', () => process.exit(1));
process.send({ verb: 'loaded' });
