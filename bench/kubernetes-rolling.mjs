/*
 * A rolling deployment of three replicas, from our API call until a client
 * knows that it was promoted, beside `kubectl apply` and `kubectl rollout
 * status` of the same change on the same cluster, in turns. See bench/README.md.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCountingProxy } from './lib/countingProxy.mjs';
import {
  delay,
  kubectl,
  manifestsOf,
  runBench,
  startBackend,
  until,
} from './lib/clusterBench.mjs';
import { definition, STRATEGIES } from './lib/clusterStrategies.mjs';
import { median } from './lib/numbers.mjs';
import { argument } from './lib/summary.mjs';

const BUDGET = 1.05;
const REPLICAS = 3;
const PAIRS = Number(argument('--pairs') ?? 10);
/** `--trace`: prints every call to the API server of the last deployment. */
const isTraced = process.argv.includes('--trace');
const isRouted = !process.argv.includes('--no-route');
/** `--no-probe`: without the noise of a probe that asks each full second. */
const isProbed = !process.argv.includes('--no-probe');

await runBench(async opened => {
  const { world, directory, onEnd } = opened;
  const proxy = isTraced ? await startCountingProxy(world.settings) : undefined;
  if (proxy) onEnd(() => proxy.close());
  const backend = await startBackend(opened, {
    cluster: proxy && { url: proxy.url },
  });
  const [target] = backend.targets;
  const peer = { ...target, service: `${target.service}-peer` };
  const files = (of, round) => ({
    'delivery.yaml': definition(world.nameOf(of), STRATEGIES.rolling),
    'deploy.yaml': manifestsOf(world, of, {
      replicas: REPLICAS,
      podSpec: { hostname: `round-${round}` },
      probe: isProbed,
      route: isRouted && world.gatewayUrl !== undefined,
    }),
  });

  // Two images in turns, so that after the first two rounds both are on the
  // nodes: what is measured is no pull. The host name makes each round new.
  const versions = ['one', 'two'];
  const releases = [];
  for (let round = 0; round < PAIRS + 3; round += 1) {
    const version = versions[round % 2];
    releases.push(
      await backend.release(target, { version }, files(target, round)),
    );
  }

  const heard = new Map();
  let onHeard = () => {};
  const ending = new AbortController();
  onEnd(() => ending.abort());
  const followed = backend.api.follow(event => {
    if (event.kind === 'deployment') onHeard(event);
  }, ending.signal);
  followed.catch(error => console.error(`The stream ended: ${error}`));

  /** As the CLI and the page do: an event is a hint, and the deployment is read. */
  async function ours(round) {
    const startedAt = Date.now();
    const id = await backend.deploy(target, releases[round].id);
    const acceptedAt = Date.now();
    const ended = await new Promise((resolve, reject) => {
      let reading = Promise.resolve();
      onHeard = () => {
        reading = reading.then(async () => {
          const deployment = await backend.read(id);
          if (deployment.finishedAtMs) resolve(deployment);
        });
        reading.catch(reject);
      };
      onHeard();
    });
    const totalMs = Date.now() - startedAt;
    onHeard = () => {};
    if (ended.status !== 'succeeded') {
      throw new Error(`${ended.status}: ${JSON.stringify(ended.reason)}`);
    }
    heard.set(round, id);
    return {
      totalMs,
      acceptedMs: acceptedAt - startedAt,
      promotedMs: ended.finishedAtMs - startedAt,
      startedAt,
    };
  }

  async function plain(round) {
    const { repository, digest } = releases[round].images[0];
    const image = `${world.registry.host}/${repository}@${digest}`;
    const file = join(directory, `peer-${round}.yaml`);
    writeFileSync(
      file,
      files(peer, round)['deploy.yaml'].replace(
        '"image": "app"',
        `"image": "${image}"`,
      ),
    );
    const name = world.nameOf(peer);
    const startedAt = Date.now();
    await kubectl('apply', '-n', world.namespace, '-f', file);
    const acceptedMs = Date.now() - startedAt;
    await kubectl(
      'rollout',
      'status',
      '-n',
      world.namespace,
      `deployment/${name}`,
    );
    return { totalMs: Date.now() - startedAt, acceptedMs, startedAt };
  }

  /** Until nothing that leaves keeps the nodes busy. */
  async function settled() {
    await until(
      'old pods are gone',
      async () => {
        const { items } = JSON.parse(
          await kubectl('get', 'pods', '-n', world.namespace, '-o', 'json'),
        );
        return items.length === 2 * REPLICAS;
      },
      { everyMs: 500 },
    );
    await delay(1_000);
  }

  const pairs = [];
  for (let round = 0; round < releases.length; round += 1) {
    const order = round % 2 === 0 ? [ours, plain] : [plain, ours];
    const pair = {};
    for (const side of order) {
      if (side === ours) proxy?.reset();
      pair[side.name] = await side(round);
      if (side === ours) pair.calls = proxy?.calls();
      if (round > 0) await settled();
    }
    // The first is the beginning, the next two bring the images.
    if (round < 3) continue;
    const ratio = pair.ours.totalMs / pair.plain.totalMs;
    console.log(
      `${pairs.length + 1}: ours ${pair.ours.totalMs} ms (accepted in ${
        pair.ours.acceptedMs
      }, promoted after ${pair.ours.promotedMs}), kubectl ${
        pair.plain.totalMs
      } ms (applied in ${pair.plain.acceptedMs}), ratio ${ratio.toFixed(3)}`,
    );
    pairs.push({ ...pair, ratio });
  }
  const { calls, ours: last } = pairs.at(-1);
  if (isTraced) console.log(`started at ${last.startedAt}`);
  for (const call of calls ?? []) {
    console.log(
      `${String(call.atMs - last.startedAt).padStart(6)} ms  +${String(
        call.tookMs,
      ).padStart(4)}  ${call.status} ${call.verb} ${call.path}`,
    );
  }
  const middle = pick => median(pairs.map(pick));
  const ratio = middle(pair => pair.ratio);
  const results = {
    budget: BUDGET,
    ratio: Number(ratio.toFixed(3)),
    oursMs: middle(pair => pair.ours.totalMs),
    kubectlMs: middle(pair => pair.plain.totalMs),
    isOver: ratio > BUDGET,
    pairs: pairs.map(
      ({
        ours: { totalMs, promotedMs },
        plain: { totalMs: kubectlMs },
        ratio: of,
      }) => ({
        oursMs: totalMs,
        promotedMs,
        kubectlMs,
        ratio: Number(of.toFixed(3)),
      }),
    ),
  };
  console.log(
    `median of ${pairs.length} pairs: ours ${results.oursMs} ms, kubectl ${
      results.kubectlMs
    } ms; ratio ${results.ratio} (budget ${BUDGET})${
      results.isOver ? ' OVER' : ''
    }`,
  );
  return results;
});
