/*
 * A canary of four steps without pauses: what is ours of its time, beside Argo
 * Rollouts doing the same steps with the same images on the same cluster, in
 * turns. See bench/README.md.
 */
import { execFileSync } from 'node:child_process';
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
import { startWaitClock } from './lib/waitClock.mjs';

const BUDGET_MS = 2_000;
const REPLICAS = 4;
const ROUNDS = Number(argument('--rounds') ?? 5);
const WARM_UP = 3;

function hasRollouts() {
  try {
    execFileSync('kubectl', ['get', 'crd', 'rollouts.argoproj.io'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

/** These manifests with Argo's object in place of the Deployment. */
function asRollout(documents, image, namespace) {
  return documents
    .replace('"image": "app"', `"image": "${image}"`)
    .split('\n---\n')
    .map(text => JSON.parse(text))
    .map(object => ({
      ...object,
      metadata: { ...object.metadata, namespace },
      ...(object.kind === 'Deployment' && {
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Rollout',
        spec: {
          ...object.spec,
          strategy: {
            canary: {
              steps: [25, 50, 75, 100].map(setWeight => ({ setWeight })),
            },
          },
        },
      }),
    }));
}

await runBench(async opened => {
  const { world, onEnd } = opened;
  const backend = await startBackend(opened, { count: 2 });
  const [byRoute, byRatio] = backend.targets;
  const argo = { ...byRoute, service: `${byRoute.service}-argo` };
  const ending = new AbortController();
  onEnd(() => ending.abort());
  const clock = await startWaitClock(world, ending.signal);

  const manifests = (target, round, route) =>
    manifestsOf(world, target, {
      replicas: REPLICAS,
      podSpec: { hostname: `round-${round}` },
      route,
    });
  const releasesOf = async (target, route) => {
    const made = [];
    for (let round = 0; round < ROUNDS + WARM_UP; round += 1) {
      made.push(
        await backend.release(
          target,
          { version: ['one', 'two'][round % 2] },
          {
            'delivery.yaml': definition(
              world.nameOf(target),
              STRATEGIES.canary,
            ),
            'deploy.yaml': manifests(target, round, route),
          },
        ),
      );
    }
    return made;
  };
  const sides = [];
  if (world.gatewayUrl) {
    const releases = await releasesOf(byRoute, true);
    sides.push({
      name: 'Slipway, by HTTPRoute',
      run: round => ours(byRoute, releases[round]),
    });
  }
  const ratioReleases = await releasesOf(byRatio, false);
  sides.push({
    name: 'Slipway, by ratio of pods',
    run: round => ours(byRatio, ratioReleases[round]),
  });
  if (hasRollouts()) {
    sides.push({ name: 'Argo Rollouts, by ratio of pods', run: peer });
  } else {
    console.warn(
      'SKIPPED: the peer needs Argo Rollouts in the cluster (its CRDs and its controller)',
    );
  }

  async function ours(target, { id: releaseId }) {
    const startedAt = Date.now();
    const id = await backend.deploy(target, releaseId);
    const ended = await backend.ended(id);
    if (ended.status !== 'succeeded') {
      throw new Error(`${ended.status}: ${JSON.stringify(ended.reason)}`);
    }
    return {
      startedAt,
      endedAt: ended.finishedAtMs,
      steps: ended.rollout.steps.map(({ step, startedAtMs, finishedAtMs }) => ({
        step: step.type,
        atMs: startedAtMs - startedAt,
        tookMs: finishedAtMs - startedAtMs,
      })),
    };
  }

  async function peer(round) {
    const { repository, digest } = ratioReleases[round].images[0];
    const objects = asRollout(
      manifests(argo, round, false),
      `${world.registry.host}/${repository}@${digest}`,
      world.namespace,
    );
    const ref = {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Rollout',
      name: world.nameOf(argo),
      namespace: world.namespace,
    };
    const startedAt = Date.now();
    // As we do, by the API and without starting a program.
    for (const object of objects) {
      await world.client.apply(
        object,
        { fieldManager: 'bench' },
        ending.signal,
      );
    }
    await until(
      'Argo Rollouts is done',
      async () => {
        const rollout = await world.client.get(ref, ending.signal);
        const { status = {}, metadata } = rollout;
        return (
          String(status.observedGeneration) === String(metadata.generation) &&
          status.phase === 'Healthy' &&
          status.stableRS === status.currentPodHash
        );
      },
      { everyMs: 25 },
    );
    return { startedAt, endedAt: Date.now() };
  }

  async function settled() {
    await until(
      'nothing leaves',
      async () => {
        const { items } = JSON.parse(
          await kubectl('get', 'pods', '-n', world.namespace, '-o', 'json'),
        );
        return items.length === sides.length * REPLICAS;
      },
      { everyMs: 500 },
    );
    await delay(1_000);
  }

  const rows = sides.map(() => []);
  for (let round = 0; round < ROUNDS + WARM_UP; round += 1) {
    for (let turn = 0; turn < sides.length; turn += 1) {
      const which = (turn + round) % sides.length;
      const result = await sides[which].run(round);
      const { startedAt, endedAt } = result;
      const owed = clock.between(startedAt, endedAt);
      const totalMs = endedAt - startedAt;
      if (round > 0) await settled();
      if (round < WARM_UP) continue;
      const row = {
        totalMs,
        ...owed,
        ownMs: totalMs - owed.readinessMs - owed.routeMs,
        ...(result.steps && { steps: result.steps }),
      };
      rows[which].push(row);
      console.log(
        `${sides[which].name}: ${totalMs} ms, pods ${owed.readinessMs} ms, routes ${owed.routeMs} ms, own ${row.ownMs} ms`,
      );
      if (row.steps && process.argv.includes('--steps')) {
        console.table(row.steps);
      }
    }
  }
  const results = sides.map(({ name }, index) => {
    const middle = pick => median(rows[index].map(pick));
    const ownMs = middle(row => row.ownMs);
    const isOurs = name.startsWith('Slipway');
    return {
      name,
      totalMs: middle(row => row.totalMs),
      readinessMs: middle(row => row.readinessMs),
      routeMs: middle(row => row.routeMs),
      ownMs,
      worstOwnMs: Math.max(...rows[index].map(row => row.ownMs)),
      ...(isOurs && { budgetMs: BUDGET_MS, isOver: ownMs > BUDGET_MS }),
    };
  });
  console.table(results);
  const peers = results.filter(({ name }) => name.startsWith('Argo'));
  const fair = results.find(({ name }) => name === 'Slipway, by ratio of pods');
  const ratio = peers.length > 0 ? fair.ownMs / peers[0].ownMs : undefined;
  if (ratio !== undefined) {
    console.log(
      `own time by ratio of pods, ours to Argo Rollouts': ${ratio.toFixed(
        2,
      )}; whole time: ${(fair.totalMs / peers[0].totalMs).toFixed(2)}`,
    );
  }
  return { rounds: ROUNDS, results, ratio, rows };
});
