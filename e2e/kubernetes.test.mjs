// The story of the spine on real pods: built by BuildKit, split by Envoy,
// measured by Prometheus. Needs a cluster (README, "On Kubernetes").
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Api } from './lib/api.mjs';
import {
  open,
  openBrowser,
  screenshot,
  signIn,
  wholePage,
} from './lib/browser.mjs';
import {
  ask,
  kubectl,
  missingForCluster,
  startPrometheus,
  Visitors,
} from './lib/cluster.mjs';
import {
  deployment,
  deploymentEnds,
  releaseCommit,
  releaseHolds,
  tabOf,
  targetOf,
} from './lib/delivery.mjs';
import { Portal, until } from './lib/portal.mjs';

const STORY = { timeout: 600_000 };
const CHECKOUT = 'checkout.storefront.example';
const NAMESPACES = ['storefront-staging', 'storefront-production'];

const missing = missingForCluster();
if (missing.length > 0) {
  const message = `the stories on a cluster need ${missing.join(', ')}`;
  if (process.env.SLIPWAY_REQUIRE_CLUSTER) throw new Error(message);
  console.warn(`SKIPPED: ${message}`);
}

describe(
  'on Kubernetes, from a commit to production',
  { concurrency: 1, skip: missing.length > 0 },
  () => {
    const api = new Api();
    const mistakes = [];
    let prometheus;
    let portal;
    let browser;
    let page;
    let visitors;

    before(async () => {
      kubectl('delete', 'namespace', '--ignore-not-found', ...NAMESPACES);
      prometheus = await startPrometheus();
      portal = new Portal(undefined, {
        kubernetes: true,
        environment: { SLIPWAY_PROMETHEUS: prometheus.url },
      });
      await portal.start({ timeoutMs: 420_000 });
      console.log(`# ready after ${portal.readyAfterMs} ms`);
      browser = await openBrowser();
      page = await signIn(browser);
      page.on('pageerror', error => mistakes.push(error.message));
    }, STORY);

    after(async () => {
      visitors?.stop();
      await browser?.close();
      await portal?.stop();
      await prometheus?.stop();
      kubectl(
        'delete',
        'namespace',
        '--ignore-not-found',
        '--wait=false',
        ...NAMESPACES,
      );
      assert.deepEqual(mistakes, [], 'no page threw');
    }, STORY);

    async function endsWell(id, environment, status) {
      const ended = await deploymentEnds(api, id, environment, {
        timeoutMs: 400_000,
      });
      assert.equal(
        ended.status,
        status,
        `${environment}: ${JSON.stringify(ended.reason)}`,
      );
      return ended;
    }

    /** What the nodes really run, next to what was pushed. */
    function digestsInPods(namespace, app) {
      const { items } = JSON.parse(
        kubectl(
          'get',
          'pods',
          '-n',
          namespace,
          '-l',
          `app=${app}`,
          '-o',
          'json',
        ),
      );
      return items
        .filter(pod => !pod.metadata.deletionTimestamp)
        .map(pod => pod.status.containerStatuses[0].imageID.split('@')[1]);
    }

    test(
      'before anything is deployed, the check of an environment says what is missing, and its own command gives it',
      STORY,
      async () => {
        kubectl('delete', 'namespace', 'storefront-staging');
        await open(page, '/delivery/environments');
        await page.getByRole('button', { name: 'Check all' }).click();
        const staging = page.getByRole('region', {
          name: 'Staging',
          exact: true,
        });
        const fix = staging.getByRole('group', {
          name: 'What to do: Namespace storefront-staging is there',
        });
        await fix.waitFor();
        await page
          .getByRole('region', { name: 'Production', exact: true })
          .getByText(
            'Rights to deploy to namespace storefront-production: as it should be',
          )
          .waitFor({ state: 'attached' });
        await wholePage(page, 'kubernetes-environments');
        const command = (await fix.locator('pre').innerText()).trim();
        assert.match(command, /^kubectl /);
        kubectl(...command.split(/\s+/).slice(1));
        // As the platform of the example has it.
        kubectl(
          'label',
          'namespace',
          'storefront-staging',
          'pod-security.kubernetes.io/enforce=restricted',
        );
        await staging.getByRole('button', { name: /^Check again/ }).click();
        await staging
          .getByText(
            'Rights to deploy to namespace storefront-staging: as it should be',
          )
          .waitFor({ state: 'attached' });
      },
    );

    test(
      'a first release is built by BuildKit and goes to real pods',
      STORY,
      async () => {
        await until(
          'the services are known',
          async () => (await api.get('/services')).items.length === 2,
        );
        const pricing = await releaseCommit(page, 'pricing', {
          commit: 'v1.0.0',
        });
        await endsWell(pricing, 'production', 'succeeded');
        const id = await releaseCommit(page, 'checkout', { commit: 'v1.0.0' });
        await endsWell(id, 'staging', 'succeeded');
        await endsWell(id, 'production', 'succeeded');
        const { release } = await api.get(`/releases/${id}`);
        const pushed = release.images.map(image => image.digest);
        for (const namespace of NAMESPACES) {
          const running = digestsInPods(namespace, 'checkout');
          assert.ok(running.length > 0);
          assert.deepEqual([...new Set(running)], pushed);
        }
        const answer = await until('the shop answers', async () => {
          const got = await ask(CHECKOUT);
          return got.status === 200 && got;
        });
        assert.match(answer.text, /little tea shop/);
        visitors = new Visitors(CHECKOUT).start();
        await open(page, tabOf('checkout'));
        await page.getByText('v1.0.0').first().waitFor();
        await wholePage(page, 'kubernetes-first-release');
      },
    );

    test(
      'a good commit: staging is rolled by Kubernetes, production is canaried by Envoy’s real split',
      STORY,
      async () => {
        const before = { ...visitors.statuses };
        const id = await releaseCommit(page, 'checkout', {
          message: /a warmer greeting/,
        });
        const staging = await endsWell(id, 'staging', 'succeeded');
        const detail = await api.get(`/deployments/${staging.id}`);
        assert.ok(
          detail.deployment.rollout.steps.some(
            ({ step }) =>
              step.type === 'delegate' && step.leader === 'Kubernetes',
          ),
          'Kubernetes leads the rolling deployment',
        );
        await open(page, tabOf('checkout'));
        await deployment(
          api,
          id,
          'production',
          seen =>
            seen.status !== 'queued' &&
            seen.rollout?.steps[seen.rollout.stepIndex]?.step.type ===
              'analysis',
          { timeoutMs: 240_000, what: 'is being analysed' },
        );
        await page.waitForTimeout(10_000);
        await wholePage(page, 'kubernetes-canary');
        await endsWell(id, 'production', 'succeeded');
        const answer = await ask(CHECKOUT);
        assert.match(answer.text, /tea is on its way/);
        const { release } = await api.get(`/releases/${id}`);
        await until('only the new digest runs', async () => {
          const running = digestsInPods('storefront-production', 'checkout');
          return (
            new Set(running).size === 1 &&
            running[0] === release.images[0].digest
          );
        });
        await wholePage(page, 'kubernetes-promoted');
        assert.deepEqual(visitors.failures, [], 'no request was lost');
        const bad = Object.entries(visitors.statuses).filter(
          ([status, count]) =>
            Number(status) >= 500 && count > (before[status] ?? 0),
        );
        assert.deepEqual(bad, [], 'no request failed');
      },
    );

    test(
      'a bad commit is rolled back, and the page says why',
      STORY,
      async () => {
        const id = await releaseCommit(page, 'checkout', {
          message: /a fifth of the requests fails/,
        });
        const ended = await endsWell(id, 'production', 'rolled-back');
        assert.equal(ended.reason.metric, 'success-rate');
        assert.ok(ended.reason.samples >= 20);
        const target = await targetOf(api, 'checkout', 'production');
        assert.ok(target.hold, 'a hold is set');
        await open(page, `${tabOf('checkout')}/deployments/${ended.id}`);
        await page
          .getByText(/Rolled back: .*requests failed/)
          .first()
          .waitFor();
        await page.waitForTimeout(1_000);
        await wholePage(page, 'kubernetes-rolled-back');
        assert.match((await ask(CHECKOUT)).text, /tea is on its way/);
        await releaseHolds(api, 'checkout');
      },
    );

    test(
      'a commit that never gets ready ends at its deadline with what the probe said',
      STORY,
      async () => {
        const id = await releaseCommit(page, 'checkout', {
          message: /never becomes ready/,
        });
        const ended = await deploymentEnds(api, id, 'staging', {
          timeoutMs: 400_000,
        });
        assert.equal(ended.status, 'rolled-back');
        assert.match(
          JSON.stringify(ended.reason),
          /503|ledger|probe/,
          JSON.stringify(ended.reason),
        );
        await open(page, `${tabOf('checkout')}/deployments/${ended.id}`);
        await page
          .getByText(/Rolled back/)
          .first()
          .waitFor();
        await screenshot(page, 'kubernetes-never-ready');
        assert.match((await ask(CHECKOUT)).text, /tea is on its way/);
      },
    );
  },
);
