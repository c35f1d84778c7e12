import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { FRONTEND, root } from './portal.mjs';

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
  page.setDefaultTimeout(30_000);
  await page.goto(FRONTEND);
  await enter(page);
  return page;
}

/** On a phone there is no sidebar: what tells is that the sign-in page is gone. */
async function enter(page) {
  const button = page.getByRole('button', { name: 'Enter' });
  await button.click();
  await button.waitFor({ state: 'hidden' });
}

/** Goes to a path of the portal; a page that was loaded anew asks to enter again. */
export async function open(page, path) {
  await page.goto(`${FRONTEND}${path}`);
  const button = page.getByRole('button', { name: 'Enter' });
  const content = page
    .getByRole('main')
    .or(page.getByRole('tab'))
    .or(page.getByRole('article'));
  await button.or(content).first().waitFor();
  if (await button.isVisible()) await enter(page);
}

export async function screenshot(page, name) {
  const file = path.join(root, 'docs', 'screenshots', `${name}.png`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  await page.screenshot({ path: file });
  return file;
}

/** A picture of the whole page: the window grows with it, so that nothing that is fixed to its edges stands in the middle. */
export async function wholePage(page, name) {
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
