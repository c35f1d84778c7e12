// The example's checkout: canaries under real traffic, good ones and bad ones.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Api } from '../lib/api.mjs';
import { open, screenshot, wholePage } from '../lib/browser.mjs';
import {
  commitTo,
  deployment,
  deploymentEnds,
  releaseCommit,
  releaseEnds,
  releaseHolds,
  tabOf,
  targetOf,
  urlOf,
  verb,
} from '../lib/delivery.mjs';
import { slipway, until } from '../lib/portal.mjs';
import { STORY } from './story.mjs';

export function canaryStories({ portal, tab }) {
  const api = new Api();
  let page;
  before(() => {
    page = tab('checkout');
  });

  test(
    'a good commit is canaried under real traffic and promoted, live without a reload',
    STORY,
    async () => {
      const id = await releaseCommit(page, 'checkout', {
        message: /a warmer greeting/,
      });
      await open(page, tabOf('checkout'));
      await deployment(
        api,
        id,
        'production',
        seen => seen.status === 'progressing',
      );
      const box = page.getByRole('region', { name: 'Production', exact: true });
      await box.getByText(/asked 10/).waitFor({ timeout: 60_000 });
      await box
        .getByText(/of \d+ samples|success-rate/)
        .first()
        .waitFor({ timeout: 60_000 });
      await page.waitForTimeout(6000);
      await wholePage(page, 'canary');
      const ended = await deploymentEnds(api, id, 'production');
      assert.equal(ended.status, 'succeeded');
      await box.getByText('v1.1.0').first().waitFor();
      const overview = await api.get(
        '/services/component/default/checkout/overview',
      );
      for (const target of overview.targets) {
        const expected = Object.values(target.stable.digests);
        const instances = target.workloads.known.generations
          .filter(
            generation => generation.generation === target.stable.generation,
          )
          .flatMap(generation => generation.instances);
        assert.equal(instances.length, 2);
        for (const instance of instances) {
          assert.deepEqual(
            Object.values(instance.digests),
            expected,
            'what runs is what was pushed',
          );
        }
        const release = overview.releases.find(
          candidate => candidate.id === id,
        );
        assert.deepEqual(
          expected,
          release.images.map(image => image.digest),
        );
      }
      const answer = await fetch(urlOf(overview.targets[1]));
      assert.match((await answer.json()).greeting, /tea is on its way/);
      await wholePage(page, 'promoted');
    },
  );

  test(
    'the commit that fails a fifth of the requests is rolled back, held and explained',
    STORY,
    async () => {
      const id = await releaseCommit(page, 'checkout', {
        message: /a fifth of the requests fails/,
      });
      const ended = await deploymentEnds(api, id, 'production');
      assert.equal(ended.status, 'rolled-back');
      assert.equal(ended.reason.metric, 'success-rate');
      assert.ok(
        ended.reason.value > 0.6 && ended.reason.value < 0.95,
        `value ${ended.reason.value}`,
      );
      assert.equal(ended.reason.threshold.min, 0.99);
      assert.ok(ended.reason.samples >= 40);
      const { events } = await api.get(`/deployments/${ended.id}`);
      const types = events.map(event => event.type);
      assert.ok(types.includes('traffic-returned'), types.join());
      await open(page, `${tabOf('checkout')}/deployments/${ended.id}`);
      await page
        .getByText(/Rolled back: .*requests failed \(limit 1 %/)
        .first()
        .waitFor();
      await page.getByText('Automation is on hold.').first().waitFor();
      await page.waitForTimeout(1000);
      await wholePage(page, 'rolled-back');
      await open(page, tabOf('checkout'));
      await page
        .getByText(/Hold by automation/)
        .first()
        .waitFor();
      const overview = await api.get(
        '/services/component/default/checkout/overview',
      );
      const production = overview.targets.find(
        target => target.environment.name === 'production',
      );
      assert.equal(production.stable.version, 'v1.1.0');
      assert.deepEqual(
        production.traffic.known.accepted.map(share => share.percent),
        [100],
      );
    },
  );

  test(
    'a person releases the hold, and the slow commit is rolled back for its latency',
    STORY,
    async () => {
      await open(page, tabOf('checkout'));
      const said = await verb(page, 'Production', 'Release hold', {
        reason: 'going on',
      });
      assert.match(said, /automatic deployments to production/i);
      const id = await releaseCommit(page, 'checkout', { message: /\(slow\)/ });
      const ended = await deploymentEnds(api, id, 'production');
      assert.equal(ended.status, 'rolled-back');
      assert.equal(ended.reason.metric, 'latency-p95');
      assert.ok(ended.reason.value > 500, `value ${ended.reason.value}`);
    },
  );

  test(
    "the never-ready commit ends at its progress deadline with the probe's last answer",
    STORY,
    async () => {
      const id = await releaseCommit(page, 'checkout', {
        message: /never becomes ready/,
      });
      const ended = await deploymentEnds(api, id, 'staging');
      assert.equal(ended.status, 'rolled-back');
      assert.equal(ended.reason.code, 'progress-deadline-exceeded');
      assert.match(ended.reason.evidence, /ledger migration 0042/);
      await open(page, `${tabOf('checkout')}/deployments/${ended.id}`);
      await page
        .getByText(/ledger migration 0042/)
        .first()
        .waitFor();
      await wholePage(page, 'never-ready');
    },
  );

  test(
    'the commit with a critical advisory is blocked at the gate with its finding',
    STORY,
    async () => {
      const id = await releaseCommit(page, 'checkout', {
        message: /critical advisory/,
      });
      const { release } = await releaseEnds(api, id);
      assert.equal(release.status, 'blocked');
      assert.ok(
        !release.images.some(image => image.reference),
        'nothing was pushed',
      );
      await page.getByText('SLIP-EX-2026-0001').first().waitFor();
      await wholePage(page, 'blocked');
    },
  );

  test(
    'the wrong delivery.yaml is refused with line and column',
    STORY,
    async () => {
      const id = await releaseCommit(page, 'checkout', {
        message: /delivery\.yaml is wrong/,
      });
      const { release, definitionProblems } = await releaseEnds(api, id);
      assert.equal(release.status, 'failed');
      assert.equal(definitionProblems[0].line, 25);
      await page
        .getByText(/delivery\.yaml:25:13/)
        .first()
        .waitFor();
      await wholePage(page, 'wrong-definition');
    },
  );

  test(
    'a commit of our own that changes only configuration has the same Build, and is canaried',
    STORY,
    async () => {
      await releaseHolds(api, 'checkout');
      const production = await targetOf(api, 'checkout', 'production');
      commitTo(
        portal,
        {
          'deploy/checkout.yaml': text =>
            text.replace('The little tea shop', 'The big tea shop'),
        },
        'Grow',
      );
      const id = await releaseCommit(page, 'checkout', { commit: 'main' });
      const { release } = await releaseEnds(api, id);
      assert.equal(release.status, 'ready', JSON.stringify(release.reason));
      const made = await api.get(
        '/releases?service=component:default/checkout&limit=50',
      );
      const head = made.items.find(candidate => candidate.version === 'v1.1.0');
      assert.deepEqual(
        release.images.map(image => image.digest),
        head.images.map(image => image.digest),
        'the Build of the commit before was found again',
      );
      const ended = await deploymentEnds(api, id, 'production');
      assert.equal(ended.status, 'succeeded', JSON.stringify(ended.reason));
      const answer = await fetch(urlOf(production));
      assert.equal((await answer.json()).shop, 'The big tea shop');
    },
  );

  test(
    'the crashing commit gets past staging and is rolled back with its last log lines',
    STORY,
    async () => {
      const id = await releaseCommit(page, 'checkout', {
        message: /crashes after a while/,
      });
      const ended = await deploymentEnds(api, id, 'production');
      assert.equal(ended.status, 'rolled-back', JSON.stringify(ended.reason));
      // Whichever is seen first, the crashes or the requests that were lost with
      // them: the page says what the instance wrote.
      const { newInCanary } = await api.get(`/deployments/${ended.id}`);
      assert.match(
        JSON.stringify([ended.reason, newInCanary]),
        /receipt cache/,
      );
      await open(page, tabOf('checkout'));
      await verb(page, 'Production', 'Release hold', { reason: 'next story' });
    },
  );

  test(
    'people pause, resume, promote fully, restart, abort and retry',
    STORY,
    async () => {
      const analysing = seen =>
        seen.rollout?.steps.some(
          step => step.step.type === 'analysis' && step.status === 'active',
        );
      const status = wanted => seen => seen.status === wanted;
      const first = await releaseCommit(page, 'checkout', { commit: 'v1.1.0' });
      await deployment(api, first, 'production', analysing);
      await open(page, tabOf('checkout'));
      await verb(page, 'Production', 'Pause', { exact: true });
      await deployment(api, first, 'production', status('paused'));
      await verb(page, 'Production', 'Resume', { exact: true });
      await deployment(api, first, 'production', status('progressing'));
      const said = await verb(page, 'Production', 'Promote fully', {
        reason: 'seen enough',
      });
      assert.match(said, /100 % of the traffic/);
      const promoted = await deploymentEnds(api, first, 'production');
      assert.equal(promoted.status, 'succeeded');

      await verb(page, 'Production', 'Restart', { exact: true });
      await until('the restart has succeeded', async () => {
        const { items } = await api.get(
          '/deployments?service=component:default/checkout&environment=production&limit=5',
        );
        return items.some(
          item => item.kind === 'restart' && item.status === 'succeeded',
        );
      });

      const second = await releaseCommit(page, 'checkout', {
        commit: 'v1.0.0',
      });
      await deployment(api, second, 'production', analysing);
      await open(page, tabOf('checkout'));
      await verb(page, 'Production', 'Abort', { exact: true, reason: 'no' });
      const aborted = await deployment(
        api,
        second,
        'production',
        status('aborted'),
      );
      await verb(page, 'Production', 'Retry', { exact: true });
      const again = await deployment(
        api,
        second,
        'production',
        seen => seen.id !== aborted.id && analysing(seen),
      );
      await verb(page, 'Production', 'Abort', {
        exact: true,
        reason: 'still no',
      });
      await deployment(
        api,
        second,
        'production',
        seen => seen.id === again.id && seen.status === 'aborted',
      );
      const { targets } = await api.get(
        '/services/component/default/checkout/overview',
      );
      assert.equal(targets[1].stable.version, 'v1.1.0');
    },
  );

  test(
    'a CI system sees the outcome in the exit code and the reason in the text, and may do no more than it is listed for',
    STORY,
    async () => {
      const { code, output } = await slipway([
        'release',
        'main~7',
        '--service',
        'component:default/checkout',
      ]);
      assert.equal(code, 3, `a reference that is none: ${output}`);
      const commits = await api.get(
        '/services/component/default/checkout/commits?limit=20',
      );
      const bad = commits.items.find(commit => /a fifth/.test(commit.message));
      const released = await slipway([
        'release',
        bad.sha,
        '--service',
        'component:default/checkout',
        '--environment',
        'production',
        '--wait',
      ]);
      assert.equal(released.code, 1, released.output);
      assert.match(released.output, /requests failed \(limit 1 %/);
      const denied = await slipway([
        'rollback',
        '--service',
        'component:default/checkout',
        '--environment',
        'production',
        '--reason',
        'not allowed',
      ]);
      assert.equal(denied.code, 4, denied.output);
    },
  );
}
