// Measures the running example (start it with `npm start` first):
//   - our own overhead in a canary of two steps without pauses: everything
//     between the request and "succeeded" that is not waiting for readiness;
//   - how long a change of an instance takes until a client of the stream has it.
// Prints medians and 95th percentiles beside the budgets; --json FILE writes them.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Api } from '../e2e/lib/api.mjs';
import { commitTo, deploymentEnds, releaseEnds } from '../e2e/lib/delivery.mjs';
import { BACKEND, root, until } from '../e2e/lib/portal.mjs';
import { argument, summary } from './lib/summary.mjs';

const rounds = Number(argument('--rounds') ?? 7);
const data = path.resolve(
  process.env.SLIPWAY_DATA ?? path.join(root, '.slipway'),
);
const api = new Api();
const PRICING = '/services/component/default/pricing';

function prepare() {
  commitTo(
    { data },
    {
      'delivery.yaml': text =>
        text.replace(
          /blueGreen: \{[^}]*\}/,
          'canary: { steps: [{ weight: 50% }, { weight: 100% }], scaleDownDelay: 0s }',
        ),
    },
    'pricing: a canary without pauses',
  );
}

async function overhead() {
  const values = [];
  for (let round = 0; round <= rounds; round += 1) {
    commitTo(
      { data },
      { 'services/pricing/server.js': text => `${text}// ${Date.now()}\n` },
      'bench',
    );
    const release = await api.post(`${PRICING}/releases`, { commit: 'main' });
    await releaseEnds(api, release.id);
    await deploymentEnds(api, release.id, 'staging');
    const ended = await deploymentEnds(api, release.id, 'production');
    if (ended.status !== 'succeeded')
      throw new Error(`ended ${ended.status}: ${ended.reason?.message}`);
    if (ended.rollout.steps.length < 4) continue; // the first one has nothing to compare with
    const waited = ended.rollout.steps
      .filter(step => step.step.type === 'scale')
      .reduce((sum, step) => sum + (step.finishedAtMs - step.startedAtMs), 0);
    values.push(ended.finishedAtMs - ended.rollout.startedAtMs - waited);
  }
  return summary(values);
}

/** Kills an instance's process and takes the time until somebody is told. */
async function crash() {
  const overview = await api.get(`${PRICING}/overview`);
  const target = overview.targets.find(
    candidate => candidate.environment.name === 'staging',
  );
  const [instance] = target.workloads.known.generations
    .flatMap(generation => generation.instances)
    .filter(candidate => candidate.ready);
  return { instance, target };
}

async function stream() {
  const token = await api.token();
  const response = await fetch(`${BACKEND}/api/delivery/v1/events`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
  });
  const listeners = new Set();
  (async () => {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body) {
      text += decoder.decode(chunk, { stream: true });
      let end;
      while ((end = text.indexOf('\n\n')) >= 0) {
        const frame = text.slice(0, end);
        text = text.slice(end + 2);
        const line = frame
          .split('\n')
          .find(candidate => candidate.startsWith('data:'));
        if (line)
          for (const listener of listeners) listener(JSON.parse(line.slice(5)));
      }
    }
  })().catch(error => console.error(`the stream ended: ${error.message}`));
  return listeners;
}

async function live() {
  const listeners = await stream();
  await delay(1000);
  const values = [];
  for (let round = 0; round < rounds * 3; round += 1) {
    const { instance } = await until('an instance is ready', async () => {
      const found = await crash();
      return found.instance && found;
    });
    let heard;
    const told = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error('no event within 10 s')),
        10_000,
      );
      heard = event => {
        const state = event.instances?.known?.find(
          candidate => candidate.id === instance.id,
        );
        const gone = event.instances?.known && !state;
        if (gone || (state && !state.ready)) {
          clearTimeout(timer);
          resolve(Date.now());
        }
      };
    });
    listeners.add(heard);
    const startedAtMs = Date.now();
    await api.post(
      `${PRICING}/environments/staging/operations/delete-instance`,
      {
        args: { instance: instance.id },
      },
    );
    values.push((await told) - startedAtMs);
    listeners.delete(heard);
    await delay(1500);
  }
  return summary(values);
}

prepare();
const result = {
  canaryOverheadMs: { budget: 1000, ...(await overhead()) },
  instanceChangeMs: { budgetP95: 250, ...(await live()) },
};
console.log(JSON.stringify(result, undefined, 2));
const json = argument('--json');
if (json) fs.writeFileSync(json, JSON.stringify(result, undefined, 2));
process.exit(
  result.canaryOverheadMs.median <= 1000 && result.instanceChangeMs.p95 <= 250
    ? 0
    : 1,
);
