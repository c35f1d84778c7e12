// What a person does and reads on the Delivery tab.
import fs from 'node:fs';
import path from 'node:path';
import git from 'isomorphic-git';
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

/** Confirms a verb in the box of an environment. */
export async function verb(
  page,
  environment,
  name,
  { reason, exact = false } = {},
) {
  const box = page.getByRole('region', { name: environment, exact: true });
  await box.getByRole('button', { name, exact }).click();
  const dialog = page.getByRole('dialog');
  if (reason) await dialog.getByLabel(/^Reason/).fill(reason);
  const said = await dialog.innerText();
  await dialog.getByRole('button', { name: / now$/ }).click();
  await dialog.waitFor({ state: 'hidden' });
  return said;
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

/** A person's own commit to the example's repository. */
export async function commitTo(portal, file, change, message) {
  const dir = path.join(portal.data, 'repositories', 'storefront');
  const full = path.join(dir, file);
  fs.writeFileSync(full, change(fs.readFileSync(full, 'utf8')));
  await git.add({ fs, dir, filepath: file });
  return git.commit({
    fs,
    dir,
    message,
    author: { name: 'A person', email: 'person@example.com' },
  });
}
