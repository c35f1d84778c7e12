// What a person does and reads on the Delivery tab.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { open } from './browser.mjs';
import { until } from './portal.mjs';

const TERMINAL = [
  'succeeded',
  'rolled-back',
  'failed',
  'aborted',
  'cancelled',
  'superseded',
];

export function tabOf(service) {
  return `/catalog/default/component/${service}/delivery`;
}

/** Releases a commit through the dialog; answers with the release's id. */
export async function releaseCommit(
  page,
  service,
  { commit, message, reason },
) {
  await open(page, tabOf(service));
  await page.getByRole('button', { name: 'Release…' }).click();
  const dialog = page.getByRole('dialog');
  if (message) {
    await dialog.getByRole('radio', { name: message }).check();
  } else {
    await dialog.getByLabel('Or another commit, tag or branch').fill(commit);
  }
  if (reason) await dialog.getByLabel('Reason (optional)').fill(reason);
  await dialog.getByRole('button', { name: /^Release / }).click();
  await page.waitForURL(/\/releases\/[0-9a-f-]+/);
  return page.url().match(/\/releases\/([0-9a-f-]+)/)[1];
}

/** Confirms a verb in the box of an environment; answers with what the dialog said. */
export async function verb(
  page,
  environment,
  name,
  { reason, choose, exact = false } = {},
) {
  const box = page.getByRole('region', { name: environment, exact: true });
  await box.getByRole('button', { name, exact }).click();
  const dialog = page.getByRole('dialog');
  if (choose) await dialog.getByRole('radio', { name: choose }).check();
  if (reason) await dialog.getByLabel(/^Reason/).fill(reason);
  const said = await dialog.innerText();
  await dialog.getByRole('button', { name: / now$/ }).click();
  await dialog.waitFor({ state: 'hidden' });
  return said;
}

/** What the API knows of a service in an environment. */
export async function targetOf(api, service, environment) {
  const { targets } = await api.get(
    `/services/component/default/${service}/overview`,
  );
  return targets.find(target => target.environment.name === environment);
}

/** Lets automation go on everywhere, where a story before this one ended on hold. */
export async function releaseHolds(api, service) {
  for (const environment of ['staging', 'production']) {
    if ((await targetOf(api, service, environment)).hold) {
      await api.post(
        `/services/component/default/${service}/environments/${environment}/commands`,
        { verb: 'release-hold', reason: 'next story' },
      );
    }
  }
}

export async function releaseEnds(api, id, { timeoutMs = 60_000 } = {}) {
  return until(
    `release ${id} has ended`,
    async () => {
      const detail = await api.get(`/releases/${id}`);
      return (
        ['ready', 'failed', 'blocked', 'errored', 'cancelled'].includes(
          detail.release.status,
        ) && detail
      );
    },
    { timeoutMs },
  );
}

/** The deployment of a release to an environment, as soon as `check` holds for it. */
export async function deployment(
  api,
  releaseId,
  environment,
  check,
  { timeoutMs = 120_000, what = 'is as expected' } = {},
) {
  let last;
  try {
    return await until(
      `the deployment to ${environment} ${what}`,
      async () => {
        const { deployments } = await api.get(`/releases/${releaseId}`);
        last = deployments.find(
          candidate => candidate.environment === environment,
        );
        return last && check(last) && last;
      },
      { timeoutMs },
    );
  } catch (error) {
    throw new Error(
      `${error.message}\nLast seen: ${JSON.stringify(last, undefined, 1)}`,
    );
  }
}

export function deploymentEnds(api, releaseId, environment, options = {}) {
  return deployment(
    api,
    releaseId,
    environment,
    seen => TERMINAL.includes(seen.status),
    {
      what: 'has ended',
      timeoutMs: 180_000,
      ...options,
    },
  );
}

/** Where a service answers in an environment. */
export function urlOf(target) {
  const { address } = target.traffic.known;
  return address.startsWith('http') ? address : `http://${address}`;
}

/**
 * A person's own commit to the example's repository, made with git itself.
 * `changes` says for each file how its text changes: from '' where it is new,
 * to undefined where it goes.
 */
export function commitTo(portal, changes, message) {
  const dir = path.join(portal.data, 'repositories', 'storefront');
  const git = (...args) =>
    execFileSync('git', ['-C', dir, ...args], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    }).trim();
  for (const [file, change] of Object.entries(changes)) {
    const full = path.join(dir, file);
    const before = fs.existsSync(full) ? fs.readFileSync(full, 'utf8') : '';
    const after = change(before);
    if (after === before) throw new Error(`${file} is not changed: ${message}`);
    if (after === undefined) {
      fs.rmSync(full);
      continue;
    }
    fs.mkdirSync(path.dirname(full), { recursive: true });
    fs.writeFileSync(full, after);
  }
  git('add', '--all');
  git(
    ...['-c', 'user.name=A person', '-c', 'user.email=person@example.com'],
    ...['commit', '--quiet', '--message', message],
  );
  return git('rev-parse', 'HEAD');
}
