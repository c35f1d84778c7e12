// What axe finds wrong on a page, told so that it can be found.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const axe = fs.readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);

/** Problems of the part of the page that `within` names, by WCAG 2.1 A and AA. */
export async function accessibilityProblems(page, within) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(
    selector =>
      // eslint-disable-next-line no-undef -- runs in the page
      globalThis.axe.run(
        // The colours of code are those of Backstage's own highlighter.
        { include: [[selector]], exclude: [['pre code']] },
        {
          runOnly: [
            'wcag2a',
            'wcag2aa',
            'wcag21a',
            'wcag21aa',
            'best-practice',
          ],
        },
      ),
    within,
  );
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      node =>
        `${id}: ${help}: ${node.target.join(' ')} ${node.html.slice(0, 160)}`,
    ),
  );
}

/** How much wider than its window the page is. */
export function overflowOf(page) {
  return page.evaluate(
    () =>
      document.documentElement.scrollWidth -
      document.documentElement.clientWidth,
  );
}
