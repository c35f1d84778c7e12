// Every page: by keyboard alone, by a screen reader's rules, in the dark, on a phone.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { accessibilityProblems, overflowOf } from '../lib/accessibility.mjs';
import { Api } from '../lib/api.mjs';
import {
  open,
  screenshot,
  settled,
  signIn,
  wholePage,
} from '../lib/browser.mjs';
import { releaseHolds, tabOf, targetOf } from '../lib/delivery.mjs';
import { until } from '../lib/portal.mjs';
import { STORY } from './story.mjs';

export function pageStories({ browser, tab }) {
  const api = new Api();
  let page;
  let pages;
  before(async () => {
    page = tab('checkout');
    const { items } = await api.get(
      '/deployments?service=component:default/checkout&limit=50',
    );
    const bad = items.find(({ status }) => status === 'rolled-back');
    const releases = await api.get(
      '/releases?service=component:default/checkout&limit=50',
    );
    const blocked = releases.items.find(({ status }) => status === 'blocked');
    const checkout = tabOf('checkout');
    pages = {
      delivery: '/delivery',
      environments: '/delivery/environments',
      card: '/catalog/default/component/checkout',
      tab: checkout,
      'tab-releases': `${checkout}/releases`,
      'tab-instances': `${checkout}/instances`,
      'tab-findings': `${checkout}/findings`,
      'tab-metrics': `${checkout}/metrics`,
      'tab-settings': `${checkout}/settings`,
      deployment: `${checkout}/deployments/${bad.id}`,
      release: `${checkout}/releases/${blocked.id}`,
    };
  });

  /** Every environment says what its check found. */
  async function checkAll(on) {
    await open(on, '/delivery/environments');
    await on.getByRole('button', { name: 'Check all' }).click();
    for (const name of ['Staging', 'Production']) {
      await on
        .getByRole('region', { name, exact: true })
        .getByText('slipway-locald answers: as it should be')
        .waitFor();
    }
  }

  async function stands(on) {
    await on
      .getByText('Live', { exact: true })
      .or(on.getByText('Staging', { exact: true }))
      .first()
      .waitFor();
    await settled(on);
    await on.waitForTimeout(700);
  }

  test(
    'by keyboard alone: to the tab, into a dialog, through it, and back to where one was',
    STORY,
    async () => {
      await releaseHolds(api, 'checkout');
      await open(page, '/catalog/default/component/checkout');
      const focused = () =>
        page.evaluate(() => {
          const { activeElement: it } = document;
          const box = it.closest('section[aria-labelledby]');
          return {
            text: it.textContent.trim(),
            role: it.getAttribute('role') ?? it.tagName.toLowerCase(),
            href: it.getAttribute('href'),
            box: box?.querySelector('h3')?.textContent,
          };
        });
      async function tabTo(what, is, { most = 80 } = {}) {
        const seen = [];
        for (let count = 0; count < most; count += 1) {
          await page.keyboard.press('Tab');
          const now = await focused();
          if (is(now)) return now;
          seen.push(now.text.slice(0, 30));
        }
        throw new Error(`Tab does not lead to ${what}: ${seen.join(' | ')}`);
      }
      await tabTo('the tab', ({ href }) =>
        href?.endsWith('/checkout/delivery'),
      );
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/delivery/);
      await stands(page);
      await tabTo(
        'Hold in production',
        ({ text, box }) => text === 'Hold' && box === 'Production',
      );
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog');
      await dialog.waitFor();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'hidden' });
      assert.deepEqual(
        [(await focused()).text, (await focused()).box],
        ['Hold', 'Production'],
        'the focus is back after Escape',
      );
      await page.keyboard.press('Enter');
      await dialog.waitFor();
      await tabTo(
        'the reason',
        ({ role }) => role === 'textarea' || role === 'input',
      );
      await page.keyboard.type('by keyboard');
      await tabTo('the confirmation', ({ text }) => text === 'Hold now');
      await page.keyboard.press('Enter');
      await dialog.waitFor({ state: 'hidden' });
      await until(
        'the hold is set',
        async () =>
          (await targetOf(api, 'checkout', 'production')).hold?.reason ===
          'by keyboard',
      );
      await page
        .getByRole('region', { name: 'Production', exact: true })
        .getByRole('button', { name: 'Release hold' })
        .waitFor();
      await until(
        'the focus is in the box again',
        async () => (await focused()).box === 'Production',
      );
      await tabTo('its release', ({ text }) => text === 'Release hold', {
        most: 20,
      });
    },
  );

  for (const colorScheme of ['light', 'dark']) {
    test(`axe finds nothing wrong, ${colorScheme}`, STORY, async () => {
      const on = await signIn(browser(), { colorScheme });
      const found = {};
      for (const [name, path] of Object.entries(pages)) {
        await open(on, path);
        await stands(on);
        // The frame of the portal is Backstage's own.
        const problems = await accessibilityProblems(on, 'main, article');
        if (problems.length > 0) found[name] = problems;
        if (colorScheme === 'dark' || name.startsWith('tab-')) {
          await wholePage(on, `${name}-${colorScheme}`);
        }
      }
      await open(on, tabOf('checkout'));
      await on.getByRole('button', { name: 'Release…' }).click();
      await on.getByRole('radio').first().waitFor();
      await on.waitForTimeout(500);
      const inDialog = await accessibilityProblems(on, '[role="dialog"]');
      if (inDialog.length > 0) found['release dialog'] = inDialog;
      await screenshot(on, `release-dialog-${colorScheme}`);
      await on.context().close();
      assert.deepEqual(found, {});
    });
  }

  test('on a phone nothing scrolls sideways', STORY, async () => {
    const wide = {};
    for (const width of [390, 360]) {
      const phone = await signIn(browser(), {
        viewport: { width, height: 844 },
      });
      for (const [name, path] of Object.entries(pages)) {
        await open(phone, path);
        await stands(phone);
        const overflow = await overflowOf(phone);
        if (overflow > 0) wide[`${name} at ${width}`] = overflow;
        if (width === 390) await wholePage(phone, `phone-${name}`);
      }
      await phone.context().close();
    }
    assert.deepEqual(wide, {});
  });

  test(
    'the environments, each with its check, also on a phone; its services lead to the estate',
    STORY,
    async () => {
      await checkAll(page);
      await screenshot(page, 'environments');
      const phone = await signIn(browser(), {
        viewport: { width: 390, height: 844 },
      });
      await checkAll(phone);
      assert.equal(await overflowOf(phone), 0);
      assert.deepEqual(await accessibilityProblems(phone, 'main, article'), []);
      await wholePage(phone, 'phone-environment-checks');
      await phone.context().close();
      await page
        .getByRole('region', { name: 'Production', exact: true })
        .getByRole('link', { name: '2 services' })
        .click();
      await page.getByRole('heading', { name: 'Estate' }).waitFor();
      await page
        .getByRole('button', { name: /^Environment/ })
        .getByText('Production')
        .waitFor();
    },
  );

  test('the estate', STORY, async () => {
    await open(page, '/delivery');
    await stands(page);
    await screenshot(page, 'estate');
  });
}
