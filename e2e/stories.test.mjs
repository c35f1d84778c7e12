// The stories of the README, in the order a person would live them. What is
// about different services goes on at the same time.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Api } from './lib/api.mjs';
import { open, openBrowser, screenshot, signIn } from './lib/browser.mjs';
import {
  deploymentEnds,
  releaseCommit,
  releaseEnds,
  tabOf,
} from './lib/delivery.mjs';
import { Portal, until } from './lib/portal.mjs';
import { blueGreenStories } from './stories/blueGreen.mjs';
import { canaryStories } from './stories/canary.mjs';
import { pageStories } from './stories/pages.mjs';
import { STORY } from './stories/story.mjs';
import { togetherStories } from './stories/together.mjs';

const HOOKS = { timeout: 420_000 };

describe('from a commit to production', { concurrency: 1 }, () => {
  const portal = new Portal();
  const api = new Api();
  const mistakes = [];
  const tabs = {};
  let browser;

  before(async () => {
    await portal.start();
    console.log(`# ready after ${portal.readyAfterMs} ms`);
    browser = await openBrowser();
    for (const name of ['checkout', 'pricing']) {
      tabs[name] = await signIn(browser);
      tabs[name].on('pageerror', error => mistakes.push(error.message));
    }
  }, HOOKS);

  after(async () => {
    await browser?.close();
    await portal.stop();
    assert.deepEqual(mistakes, [], 'no page threw');
  }, HOOKS);

  /** What the stories share; the browser and its tabs are there when they begin. */
  const world = { portal, browser: () => browser, tab: name => tabs[name] };

  test(
    'the catalog holds the services, and the tab says what to do first',
    STORY,
    async () => {
      const page = tabs.checkout;
      await until(
        'the services are known',
        async () => (await api.get('/services')).items.length === 2,
      );
      await open(page, tabOf('checkout'));
      await page.getByText('Nothing was deployed here yet.').first().waitFor();
      await screenshot(page, 'first-look');
    },
  );

  test(
    'a first release goes straight to both environments',
    STORY,
    async () => {
      const page = tabs.checkout;
      const pricing = await releaseCommit(page, 'pricing', {
        commit: 'v1.0.0',
      });
      assert.equal(
        (await deploymentEnds(api, pricing, 'production')).status,
        'succeeded',
      );
      const good = await releaseCommit(page, 'checkout', {
        commit: 'v1.0.0',
        reason: 'the first one',
      });
      await page.getByText('sha256:').first().waitFor();
      assert.equal((await releaseEnds(api, good)).release.status, 'ready');
      await screenshot(page, 'release');
      assert.equal(
        (await deploymentEnds(api, good, 'production')).status,
        'succeeded',
      );
    },
  );

  describe('two services at the same time', { concurrency: 2 }, () => {
    describe('checkout', { concurrency: 1 }, () => canaryStories(world));
    describe('pricing', { concurrency: 1 }, () => blueGreenStories(world));
  });

  describe('both', { concurrency: 1 }, () => togetherStories(world));

  describe('the pages', { concurrency: 1 }, () => pageStories(world));
});
