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
  const whole = new Set();
  let isCaughtUp = false;
  process.send({ verb: 'begun', empty: memory() });
  live.watch(
    ({ service }, state) => {
      if (isCaughtUp) {
        process.send({ verb: 'changed', service });
        return;
      }
      if ('known' in state && state.known.length === instances) {
        whole.add(service);
      }
      if (whole.size >= workloads) {
        isCaughtUp = true;
        process.send({ verb: 'caught-up' });
      }
    },
    new AbortController().signal,
    () => {},
  );
}

process.on('message', message => {
  if (message.verb === 'start') start(message);
  else process.send({ verb: 'memory', memory: memory() });
});
process.on('disconnect', () => process.exit(1));
process.send({ verb: 'loaded' });
