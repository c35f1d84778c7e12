// Measures, in a real browser with the running example (start it with
// `npm start` first), how long a change of an instance's state takes until the
// picture has changed: an instance's process gets SIGKILL, and a
// MutationObserver in the page says when the box says so. Prints median and
// 95th percentile beside the budget; --json FILE writes them.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Api } from '../e2e/lib/api.mjs';
import { openBrowser, open, signIn } from '../e2e/lib/browser.mjs';
import { deploymentEnds, tabOf, targetOf } from '../e2e/lib/delivery.mjs';
import { root, until } from '../e2e/lib/portal.mjs';
import { processesOf } from '../e2e/lib/world.mjs';
import { argument, summary } from './lib/summary.mjs';

const BUDGET_P95_MS = 250;
const SERVICE = 'pricing';
/** Not more for each instance: a crash loop is restarted ever more slowly. */
const rounds = Number(argument('--rounds') ?? 20);
const ENVIRONMENTS = { staging: 'Staging', production: 'Production' };
const data = path.resolve(
  process.env.SLIPWAY_DATA ?? path.join(root, '.slipway'),
);
const api = new Api();

async function serving(environment) {
  const target = await targetOf(api, SERVICE, environment);
  const { stable, workloads } = target;
  if (!stable) return undefined;
  const running = workloads.known?.generations.find(
    ({ generation }) => generation === stable.generation,
  );
  return running?.ready === running?.wanted && running;
}

/** Tells in the page's own clock, which is this machine's, when "Ready" became `text`. */
function picture(page, title, text) {
  return page.evaluate(
    ({ title: wantedTitle, text: wanted }) =>
      new Promise((resolve, reject) => {
        const box = [...document.querySelectorAll('section')].find(
          section => section.querySelector('h3')?.textContent === wantedTitle,
        );
        const says = () =>
          [...box.querySelectorAll('td')].some(
            cell => cell.textContent === wanted,
          );
        const timer = setTimeout(
          () => reject(new Error(`"${wanted}" did not appear within 10 s`)),
          10_000,
        );
        const observer = new MutationObserver(() => {
          if (!says()) return;
          const atMs = performance.timeOrigin + performance.now();
          observer.disconnect();
          clearTimeout(timer);
          resolve(atMs);
        });
        observer.observe(box, {
          subtree: true,
          childList: true,
          characterData: true,
        });
      }),
    { title, text },
  );
}

async function sample(page, round) {
  const names = Object.keys(ENVIRONMENTS);
  const environment = names[round % names.length];
  const title = ENVIRONMENTS[environment];
  const running = await until(
    'every instance is ready',
    () => serving(environment),
    { timeoutMs: 60_000 },
  );
  const all = `${running.wanted}/${running.wanted}`;
  const less = `${running.wanted - 1}/${running.wanted}`;
  const box = page.getByRole('region', { name: title, exact: true });
  await box.getByText(all, { exact: true }).first().waitFor();
  const processes = processesOf({ data }, SERVICE, environment);
  const victim = processes[Math.floor(round / names.length) % processes.length];
  const changed = picture(page, title, less);
  await delay(50);
  const killedAtMs = performance.timeOrigin + performance.now();
  process.kill(victim.pid, 'SIGKILL');
  return (await changed) - killedAtMs;
}

if (!(await serving('production'))) {
  const release = await api.post(
    `/services/component/default/${SERVICE}/releases`,
    { commit: 'v1.0.0' },
  );
  await deploymentEnds(api, release.id, 'production');
}
const browser = await openBrowser();
const values = [];
try {
  const page = await signIn(browser);
  await open(page, tabOf(SERVICE));
  await page.getByText('Live', { exact: true }).first().waitFor();
  for (let round = 0; round < rounds; round += 1) {
    values.push(await sample(page, round));
    await delay(500);
  }
} finally {
  await browser.close();
}
const result = {
  instanceToPictureMs: { budgetP95: BUDGET_P95_MS, ...summary(values) },
};
console.log(JSON.stringify(result, undefined, 2));
const json = argument('--json');
if (json) fs.writeFileSync(json, JSON.stringify(result, undefined, 2));
process.exit(result.instanceToPictureMs.p95 <= BUDGET_P95_MS ? 0 : 1);
