import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { FRONTEND, root, until } from './portal.mjs';

const CANDIDATES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

export async function openBrowser() {
  const executablePath = CANDIDATES.find(file => file && fs.existsSync(file));
  if (!executablePath) {
    throw new Error('No Chromium found: install it, or name one in CHROMIUM');
  }
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page signed in as guest. */
export async function signIn(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1366, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  // Generous: a machine may be busy with other things.
  page.setDefaultTimeout(120_000);
  // Not the catalog: it writes its filters into whatever address stands there
  // by then. And nothing is opened before the router hears of it.
  await page.goto(`${FRONTEND}/delivery`, { waitUntil: 'domcontentloaded' });
  await enter(page);
  await shown(page);
  return page;
}

/** On a phone there is no sidebar: what tells is that the sign-in page is gone. */
async function enter(page) {
  const button = page.getByRole('button', { name: 'Enter' });
  await button.click();
  await button.waitFor({ state: 'hidden' });
}

/** Goes to a path of the portal, as a link of it would: nothing is loaded anew. */
export async function open(page, path) {
  if (new URL(page.url()).pathname === path) {
    // A page that shows what was typed into it before is not a new one.
    await go(page, '/settings');
  }
  await go(page, path);
  await shown(page);
}

async function shown(page) {
  await page
    .getByRole('main')
    .or(page.getByRole('tab'))
    .or(page.getByRole('article'))
    .first()
    .waitFor();
}

function go(page, path) {
  return page.evaluate(to => {
    window.history.pushState({}, '', to);
    window.dispatchEvent(new PopStateEvent('popstate', { state: {} }));
  }, path);
}

/** The page stands when nothing of it loads any more. */
export async function settled(page) {
  await until('nothing loads any more', () =>
    page.evaluate(
      () =>
        document.querySelectorAll('[aria-busy="true"], .MuiSkeleton-root')
          .length === 0,
    ),
  );
}

export async function screenshot(page, name) {
  await settled(page);
  // What it rests on shows its tip over what is beside it.
  await page.mouse.move(0, 0);
  const file = path.join(root, 'docs', 'screenshots', `${name}.png`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  await page.screenshot({ path: file, animations: 'disabled' });
  return file;
}

/** A picture of the whole page: the window grows with it, so that nothing that is fixed to its edges stands in the middle. */
export async function wholePage(page, name) {
  await settled(page);
  const size = page.viewportSize();
  const height = await page.evaluate(() =>
    Math.max(
      document.documentElement.scrollHeight,
      document.body.scrollHeight,
      ...Array.from(document.querySelectorAll('main, article'), element =>
        Math.ceil(element.scrollHeight),
      ),
    ),
  );
  await page.setViewportSize({
    ...size,
    height: Math.max(size.height, height),
  });
  const file = await screenshot(page, name);
  await page.setViewportSize(size);
  return file;
}
