/*
 * Requests lost under steady load through the gateway while a service that
 * shuts down gracefully is rolled, canaried, switched, rolled back, aborted,
 * and while its node is drained. Budget: none. See bench/README.md.
 */
import { createRequire } from 'node:module';
import {
  delay,
  kubectl,
  manifestsOf,
  runBench,
  startBackend,
  until,
} from './lib/clusterBench.mjs';
import { definition, STRATEGIES } from './lib/clusterStrategies.mjs';
import { argument } from './lib/summary.mjs';

const require = createRequire(import.meta.url);
const {
  startLoad,
} = require('../plugins/delivery-backend-module-kubernetes/src/testing/load.ts');

const REPLICAS = 4;
const EVERY_MS = Number(argument('--every') ?? 10);
/** Of load before and after each scenario. */
const AROUND_MS = 1_500;
/** Longer than the service goes on serving after SIGTERM. */
const AFTER_MS = 5_000;

await runBench(async opened => {
  const { world } = opened;
  if (!world.gatewayUrl) throw new Error('This bench needs SLIPWAY_GATEWAY');
  const backend = await startBackend(opened);
  const [target] = backend.targets;
  const name = world.nameOf(target);
  let commits = 0;
  const release = strategy => {
    commits += 1;
    return backend.release(
      target,
      { version: `v${commits}` },
      {
        'delivery.yaml': definition(name, STRATEGIES[strategy]),
        'deploy.yaml': manifestsOf(world, target, {
          replicas: REPLICAS,
          minAvailable: REPLICAS - 1,
        }),
      },
    );
  };
  const endsAs = async (id, outcome) => {
    const ended = await backend.ended(id);
    if (ended.outcome !== outcome) {
      throw new Error(`${ended.outcome}: ${JSON.stringify(ended.reason)}`);
    }
  };
  const first = await release('rolling');
  await endsAs(await backend.deploy(target, first.id), 'succeeded');
  await until('it answers', async () => {
    const { status } = await world.request(target).catch(() => ({}));
    return status === 200;
  });

  const rows = [];
  /** What has to be made before is made without load. */
  async function under(what, act) {
    const load = startLoad(world.gatewayUrl, {
      hostname: world.hostnameOf(target),
      everyMs: EVERY_MS,
    });
    const startedAt = Date.now();
    await delay(AROUND_MS);
    try {
      await act();
      await delay(AFTER_MS);
    } finally {
      const { versions, failures } = await load.stop();
      const counts = {};
      for (const version of versions) {
        counts[version] = (counts[version] ?? 0) + 1;
      }
      rows.push({
        what,
        requests: versions.length + failures.length,
        lost: failures.length,
        isOver: failures.length > 0,
        seconds: Math.round((Date.now() - startedAt) / 1000),
        answeredBy: JSON.stringify(counts),
        failures: failures.slice(0, 20),
      });
      console.log(rows.at(-1));
    }
  }
  const only = argument('--only')?.split(',');
  const wanted = what => !only || only.includes(what);
  let last = first;
  async function deployed(what, strategy) {
    if (!wanted(what)) return;
    const made = await release(strategy);
    await under(what, async () => {
      await endsAs(await backend.deploy(target, made.id), 'succeeded');
    });
    last = made;
  }
  async function back(what) {
    if (!wanted(what)) return;
    const { items } = await backend.api.call(
      'GET',
      `deployments?service=${encodeURIComponent(target.service)}&limit=20`,
    );
    const before = items.find(
      ({ releaseId, status }) =>
        status === 'succeeded' && releaseId !== last.id,
    );
    await under(what, async () => {
      await endsAs(
        await backend.deploy(target, before.releaseId, { kind: 'rollback' }),
        'succeeded',
      );
    });
    last = { id: before.releaseId };
  }
  await deployed('rolling', 'rolling');
  await back('rollback of a rolling deployment');
  await deployed('canary', 'canary');
  await back('rollback of a canary');
  if (wanted('abort')) {
    const made = await release('halfway');
    await under('abort', async () => {
      const id = await backend.deploy(target, made.id);
      await backend.until(
        id,
        'half of it',
        ({ status }) => status === 'paused',
      );
      await delay(1_000);
      await backend.command(id, 'abort');
      await endsAs(id, 'aborted');
    });
  }
  await deployed('blue-green', 'blueGreen');
  if (wanted('node drain')) {
    await until('all are ready', async () => {
      const { items } = await podsOf();
      return items.length === REPLICAS;
    });
    const { items } = await podsOf();
    const [node] = items.map(({ spec }) => spec.nodeName);
    await under('node drain', async () => {
      try {
        await kubectl(
          'drain',
          node,
          '--ignore-daemonsets',
          '--delete-emptydir-data',
          `--pod-selector=app=${name}`,
          '--timeout=120s',
        );
        await until('they are whole again', async () => {
          const answer = await podsOf();
          return (
            answer.items.length === REPLICAS &&
            answer.items.every(
              pod =>
                pod.spec.nodeName !== node &&
                pod.status.conditions.some(
                  ({ type, status }) => type === 'Ready' && status === 'True',
                ),
            )
          );
        });
      } finally {
        await kubectl('uncordon', node);
      }
    });
  }

  async function podsOf() {
    const { items } = JSON.parse(
      await kubectl(
        'get',
        'pods',
        '-n',
        world.namespace,
        '-l',
        `app=${name}`,
        '-o',
        'json',
      ),
    );
    return { items: items.filter(pod => !pod.metadata.deletionTimestamp) };
  }

  console.table(rows.map(({ failures: _, isOver: __, ...row }) => row));
  const lost = rows.reduce((sum, row) => sum + row.lost, 0);
  console.log(`lost in all: ${lost} (budget 0)`);
  return { everyMs: EVERY_MS, replicas: REPLICAS, lost, rows };
});
