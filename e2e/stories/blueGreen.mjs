// The example's pricing: blue-green, and what people do to a deployment.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Api } from '../lib/api.mjs';
import { open, wholePage } from '../lib/browser.mjs';
import {
  commitTo,
  deployment,
  deploymentEnds,
  releaseCommit,
  releaseEnds,
  tabOf,
  targetOf,
  urlOf,
  verb,
} from '../lib/delivery.mjs';
import { until } from '../lib/portal.mjs';
import { countRequests, runsOf } from '../lib/requests.mjs';
import { isAlive, processesOf, tagsOf } from '../lib/world.mjs';
import { STORY } from './story.mjs';

const SERVER = 'services/pricing/server.js';
/** What tea costs in the example's first commit, in cents. */
const FIRST_PRICE = 450;

/** A commit that changes what everyone can see: the price of tea. */
const tea = cents => ({
  [SERVER]: text => text.replace(/tea: \d+/, `tea: ${cents}`),
});
const cents = body => body.cents;

/** How long a pause lasts that somebody is to end. */
const patience = {
  'delivery.yaml': text =>
    text.replace('autoPromoteAfter: 10s', 'autoPromoteAfter: 3m'),
};

export function blueGreenStories({ portal, tab }) {
  const api = new Api();
  let page;
  let url;
  let secondRelease;
  before(() => {
    page = tab('pricing');
  });

  const production = () => targetOf(api, 'pricing', 'production');
  const box = () =>
    page.getByRole('region', { name: 'Production', exact: true });
  const pausedAtStep = seen =>
    seen.status === 'paused' && seen.rollout?.paused?.reason === 'step';
  const stepOf = (seen, type) =>
    seen.rollout.steps.find(({ step }) => step.type === type);
  async function currentPrice() {
    return (await (await fetch(url)).json()).cents;
  }
  async function latest(kind) {
    const { items } = await api.get(
      '/deployments?service=component:default/pricing&environment=production&limit=20',
    );
    return items.find(item => item.kind === kind);
  }

  test(
    'a commit of our own goes blue-green to production: no request to the preview, none lost at the switch',
    STORY,
    async () => {
      const before = await production();
      url = `${urlOf(before)}/price?item=tea`;
      const requests = countRequests(url, { read: cents });
      const sha = commitTo(
        portal,
        {
          ...tea(475),
          // Time enough to look at what is kept, also on a busy machine.
          'delivery.yaml': text =>
            text.replace('scaleDownDelay: 20s }', 'scaleDownDelay: 2m }'),
        },
        'pricing: tea costs more',
      );
      secondRelease = await releaseCommit(page, 'pricing', {
        message: /tea costs more/,
      });
      const { release } = await releaseEnds(api, secondRelease);
      assert.equal(release.commit.sha, sha);
      await open(page, tabOf('pricing'));
      const previewed = await deployment(
        api,
        secondRelease,
        'production',
        pausedAtStep,
        { what: 'is previewed' },
      );
      const preview = previewed.rollout.candidate.generation;
      await box().getByText('preview').first().waitFor();
      await box()
        .getByText(/asked 0 %/)
        .first()
        .waitFor();
      await wholePage(page, 'blue-green');
      const shown = await production();
      assert.deepEqual(shown.traffic.known.accepted, [
        { generation: before.stable.generation, percent: 100 },
      ]);
      assert.equal(
        shown.workloads.known.generations.find(
          ({ generation }) => generation === preview,
        ).ready,
        2,
        'the preview is whole before it gets traffic',
      );
      assert.deepEqual(
        new Set(requests.samples.map(({ answer }) => answer ?? FIRST_PRICE)),
        new Set([FIRST_PRICE]),
        'the preview has answered nobody',
      );
      const ended = await deploymentEnds(api, secondRelease, 'production');
      assert.equal(ended.status, 'succeeded', JSON.stringify(ended.reason));
      const pause = stepOf(ended, 'pause');
      assert.ok(
        pause.finishedAtMs - pause.startedAtMs >= 10_000,
        'it was previewed for as long as its definition says',
      );
      assert.equal(await currentPrice(), 475);
      const { lost, samples } = await requests.stop();
      assert.deepEqual(lost, [], 'no request was lost');
      assert.deepEqual(
        runsOf(samples).map(({ answer }) => answer),
        [FIRST_PRICE, 475],
        'the traffic went over at once',
      );
    },
  );

  test(
    'within the scale-down delay the old one still runs, and going back is instant',
    STORY,
    async () => {
      const now = await production();
      const processes = processesOf(portal, 'pricing', 'production');
      const old = processes.filter(
        ({ generation }) => generation !== now.stable.generation,
      );
      assert.equal(old.length, 2, 'the old one is kept');
      assert.ok(old.every(({ pid }) => isAlive(pid)));
      await open(page, tabOf('pricing'));
      await box().getByText('draining').first().waitFor();
      const requests = countRequests(url, { read: cents });
      const said = await verb(page, 'Production', 'Roll back…', {
        choose: /v1\.0\.0 /,
        reason: 'tea is too dear',
      });
      assert.match(said, /set a hold on Production/);
      const back = await until('it has gone back', async () => {
        const found = await latest('rollback');
        return found?.status === 'succeeded' && found;
      });
      assert.equal(await currentPrice(), FIRST_PRICE);
      assert.deepEqual(
        processesOf(portal, 'pricing', 'production').filter(
          ({ generation }) => generation === old[0].generation,
        ),
        old,
        'the very same processes serve again',
      );
      const { events } = await api.get(`/deployments/${back.id}`);
      assert.ok(
        events.some(({ reason }) => reason?.code === 'instant-way-back'),
      );
      assert.equal(stepOf(back, 'pause').status, 'skipped');
      const held = await production();
      assert.equal(held.hold.by.type, 'user');
      assert.match(held.hold.reason, /tea is too dear/);
      const gone = processes.filter(
        ({ generation }) => generation === now.stable.generation,
      );
      await until('what went is taken away', async () =>
        gone.every(({ pid }) => !isAlive(pid)),
      );
      const keptMs = Date.now() - back.finishedAtMs;
      assert.ok(keptMs >= 19_000, `it was kept for ${keptMs} ms`);
      const { lost, samples } = await requests.stop();
      assert.deepEqual(lost, [], 'no request was lost');
      assert.deepEqual(
        runsOf(samples).map(({ answer }) => answer),
        [475, FIRST_PRICE],
      );
    },
  );

  test(
    "a person's hold stops automation, and a deployment that waits is cancelled",
    STORY,
    async () => {
      await open(page, tabOf('pricing'));
      await verb(page, 'Production', 'Release hold', { reason: 'agreed' });
      await until(
        'the hold is released',
        async () => !(await production()).hold,
      );
      await box().getByRole('button', { name: 'Hold', exact: true }).click();
      const dialog = page.getByRole('dialog');
      const confirm = dialog.getByRole('button', { name: 'Hold now' });
      assert.ok(await confirm.isDisabled(), 'a hold asks for its reason');
      await dialog.getByLabel(/^Reason/).fill('stocktaking until noon');
      await confirm.click();
      await page
        .getByText(/Hold by .*guest: stocktaking until noon/)
        .first()
        .waitFor();
      commitTo(
        portal,
        { ...tea(480), ...patience },
        'pricing: tea costs a little more',
      );
      const waiting = await releaseCommit(page, 'pricing', {
        message: /tea costs a little more/,
      });
      assert.equal(
        (await deploymentEnds(api, waiting, 'staging')).status,
        'succeeded',
        'the hold is on production alone',
      );
      await open(page, tabOf('pricing'));
      const gated = await deployment(
        api,
        waiting,
        'production',
        seen =>
          seen.status === 'gated' &&
          seen.waitingFor.every(({ gate, open }) => gate === 'hold' || open),
        { what: 'waits for nothing but the hold' },
      );
      await box().getByRole('button', { name: 'Cancel deployment' }).waitFor();
      await wholePage(page, 'hold');
      await verb(page, 'Production', 'Cancel deployment', {
        reason: 'not before noon',
      });
      const cancelled = await deploymentEnds(api, waiting, 'production');
      assert.equal(cancelled.id, gated.id);
      assert.equal(cancelled.status, 'cancelled');
      assert.match(cancelled.reason.message, /not before noon/);
      assert.equal(await currentPrice(), FIRST_PRICE);
    },
  );

  test(
    'what the hold blocked goes on by itself once it is released, and a person promotes the step',
    STORY,
    async () => {
      const id = await releaseCommit(page, 'pricing', {
        message: /tea costs a little more/,
      });
      await deployment(api, id, 'production', seen => seen.status === 'gated', {
        what: 'waits',
      });
      await open(page, tabOf('pricing'));
      await verb(page, 'Production', 'Release hold', { reason: 'it is noon' });
      await deployment(api, id, 'production', pausedAtStep, {
        what: 'went on by itself and is previewed',
      });
      assert.equal(await currentPrice(), FIRST_PRICE);
      const said = await verb(page, 'Production', 'Promote', { exact: true });
      assert.match(said, /100 %/);
      const ended = await deploymentEnds(api, id, 'production');
      assert.equal(ended.status, 'succeeded', JSON.stringify(ended.reason));
      assert.equal(stepOf(ended, 'pause').status, 'done');
      assert.ok(
        ended.rollout.steps.every(({ status }) => status === 'done'),
        'one step was promoted, and none passed over',
      );
      assert.equal(await currentPrice(), 480);
    },
  );

  test(
    'a person skips a step, and the page says who and why',
    STORY,
    async () => {
      commitTo(portal, tea(490), 'pricing: tea is dear');
      const id = await releaseCommit(page, 'pricing', {
        message: /tea is dear/,
      });
      await open(page, tabOf('pricing'));
      await deployment(api, id, 'production', pausedAtStep, {
        what: 'is previewed',
      });
      await verb(page, 'Production', 'Skip step', {
        reason: 'looked at it myself',
      });
      const ended = await deploymentEnds(api, id, 'production');
      assert.equal(ended.status, 'succeeded', JSON.stringify(ended.reason));
      const skipped = stepOf(ended, 'pause');
      assert.equal(skipped.status, 'skipped');
      assert.match(
        skipped.reason.message,
        /guest.*looked at it myself/,
        'who and why',
      );
      await open(page, `${tabOf('pricing')}/deployments/${ended.id}`);
      await page
        .getByRole('button', { name: /Wait 3 min/ })
        .first()
        .click();
      await page
        .getByText(/looked at it myself/)
        .first()
        .waitFor();
      assert.equal(await currentPrice(), 490);
    },
  );

  test(
    'a person goes back to a release chosen from the history, whole',
    STORY,
    async () => {
      const chosen = await api.get(`/releases/${secondRelease}`);
      await open(page, tabOf('pricing'));
      await box().getByRole('button', { name: 'Roll back…' }).click();
      const dialog = page.getByRole('dialog');
      const radios = dialog.getByRole('radio');
      await radios.first().waitFor();
      assert.ok(
        (await radios.count()) >= 3,
        'there is a history to choose from',
      );
      await dialog.getByRole('radio', { name: /tea costs more/ }).check();
      await dialog.getByLabel(/^Reason/).fill('the price of last week');
      await page.waitForTimeout(300);
      await wholePage(page, 'roll-back');
      await dialog.getByRole('button', { name: 'Roll back now' }).click();
      await dialog.waitFor({ state: 'hidden' });
      const ended = await until(
        'it has gone back',
        async () => {
          const found = await latest('rollback');
          return (
            found.releaseId === secondRelease && found.finishedAtMs && found
          );
        },
        { timeoutMs: 90_000 },
      );
      assert.equal(ended.status, 'succeeded', JSON.stringify(ended.reason));
      assert.equal(ended.cause, 'the price of last week');
      assert.equal(await currentPrice(), 475);
      const { stable } = await production();
      assert.deepEqual(
        Object.values(stable.digests),
        chosen.release.images.map(({ digest }) => digest),
      );
      // Its own definition came back with it: it waited 10 s again, not 3 min.
      assert.equal(stepOf(ended, 'pause').step.durationMs, 10_000);
    },
  );

  test(
    'a release that is being made is cancelled, and nothing of it is pushed',
    STORY,
    async () => {
      const heavy = Object.fromEntries(
        Array.from({ length: 6000 }, (_, index) => [
          `services/pricing/pages/${index}.txt`,
          () => `page ${index} ${'.'.repeat(2000)}\n`,
        ]),
      );
      commitTo(portal, heavy, 'pricing: a page for each tea');
      const tags = tagsOf(portal, 'pricing');
      const id = await releaseCommit(page, 'pricing', {
        message: /a page for each tea/,
      });
      await page.getByRole('button', { name: 'Cancel release' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel(/^Reason/).fill('the wrong commit');
      await dialog.getByRole('button', { name: 'Cancel release' }).click();
      const { release, deployments } = await releaseEnds(api, id);
      assert.equal(release.status, 'cancelled', JSON.stringify(release.stages));
      await page.getByText('Cancelled').first().waitFor();
      assert.deepEqual(deployments, []);
      assert.deepEqual(tagsOf(portal, 'pricing'), tags, 'nothing was pushed');
      commitTo(
        portal,
        Object.fromEntries(
          Object.keys(heavy).map(file => [file, () => undefined]),
        ),
        'pricing: no pages',
      );
    },
  );
}
