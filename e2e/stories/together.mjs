// One commit that changes two services.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Api } from '../lib/api.mjs';
import {
  commitTo,
  deploymentEnds,
  releaseCommit,
  releaseHolds,
  targetOf,
  urlOf,
} from '../lib/delivery.mjs';
import { STORY } from './story.mjs';

export function togetherStories({ portal, tab }) {
  const api = new Api();
  let pages;
  before(() => {
    pages = { checkout: tab('checkout'), pricing: tab('pricing') };
  });

  test(
    'a commit to two services at once goes to production as two releases, each by its own strategy',
    STORY,
    async () => {
      const services = Object.keys(pages);
      for (const service of services) await releaseHolds(api, service);
      const sha = commitTo(
        portal,
        {
          'services/checkout/behaviour.js': text =>
            text.replace(/greeting: '[^']*'/, "greeting: 'Two for one'"),
          'services/pricing/server.js': text =>
            text.replace(/tea: \d+/, 'tea: 225'),
          'delivery.yaml': text =>
            text.replace('autoPromoteAfter: 3m', 'autoPromoteAfter: 10s'),
        },
        'Two teas for the price of one',
      );
      const releases = {};
      for (const service of services) {
        releases[service] = await releaseCommit(pages[service], service, {
          message: /Two teas for the price of one/,
        });
      }
      const ended = await Promise.all(
        services.map(service =>
          deploymentEnds(api, releases[service], 'production'),
        ),
      );
      for (const deployment of ended) {
        assert.equal(
          deployment.status,
          'succeeded',
          JSON.stringify(deployment.reason),
        );
        assert.equal(deployment.commitSha, sha);
      }
      assert.deepEqual(
        ended.map(({ rollout }) => rollout.strategy.type),
        ['canary', 'blueGreen'],
      );
      const checkout = await targetOf(api, 'checkout', 'production');
      const answer = await (await fetch(urlOf(checkout))).json();
      assert.equal(answer.greeting, 'Two for one');
      assert.match(answer.total, /2\.25/, 'checkout asked the new pricing');
    },
  );
}
