import { randomBytes } from 'node:crypto';
import {
  ConnectionHarness,
  SampleBehaviour,
  describeCheckContract,
  describeLiveSourceContract,
  describeLogProviderContract,
  describeMetricProviderContract,
  describeTrafficRouterContract,
  describeWorkloadsContract,
} from '@slipway/backstage-plugin-delivery-node/testing';
import { ServiceBehaviour } from './__testUtils__/services';
import { routerUrl, startTestWorld } from './__testUtils__/world';

jest.setTimeout(180_000);

const BEHAVIOURS: Record<SampleBehaviour, Partial<ServiceBehaviour>> = {
  good: {
    respond: `console.log('asked'); response.end(JSON.stringify({ version }))`,
  },
  'never-ready': { ready: 'false' },
  crashing: {
    onStart: `setTimeout(() => { console.error('the till is empty'); process.exit(7); }, 50)`,
  },
};

async function createHarness(): Promise<ConnectionHarness> {
  const world = await startTestWorld();
  const urls = new Map<string, string>();
  return {
    connection: world.connection,
    newTarget: () => ({
      service: `component:default/shop-${randomBytes(4).toString('hex')}`,
      environment: 'staging',
    }),
    plan: (target, { version, behaviour = 'good' }) =>
      world.plan(target, { version, ...BEHAVIOURS[behaviour] }),
    async request(target, { headers } = {}) {
      const url = urls.get(target.service) ?? (await routerUrl(world, target));
      urls.set(target.service, url);
      const response = await fetch(url, { headers });
      const body = await response.json();
      return { status: response.status, version: body.version };
    },
    async answered(target, generation) {
      let count = 0;
      let after: string | undefined;
      for (;;) {
        const chunk = await world.connection.logs?.read(
          { target, generation, after, limit: 1_000, waitMs: 0 },
          world.signal,
        );
        if (!chunk?.lines.length) {
          return count;
        }
        count += chunk.lines.filter(({ text }) => text === 'asked').length;
        after = chunk.nextOffset;
      }
    },
    close: () => world.close(),
  };
}

describeWorkloadsContract('The local environment', createHarness);
describeTrafficRouterContract('The local environment', createHarness);
describeLiveSourceContract('The local environment', createHarness);
describeLogProviderContract('The local environment', createHarness);
describeMetricProviderContract('The local environment', createHarness);
describeCheckContract('The local environment', createHarness);
