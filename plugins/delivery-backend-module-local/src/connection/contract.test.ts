import { randomBytes } from 'node:crypto';
import {
  ConnectionHarness,
  SampleBehaviour,
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
    async request(target) {
      const url = urls.get(target.service) ?? (await routerUrl(world, target));
      urls.set(target.service, url);
      const response = await fetch(url);
      const body = await response.json();
      return { status: response.status, version: body.version };
    },
    close: () => world.close(),
  };
}

describeWorkloadsContract('The local environment', createHarness);
describeTrafficRouterContract('The local environment', createHarness);
describeLiveSourceContract('The local environment', createHarness);
describeLogProviderContract('The local environment', createHarness);
describeMetricProviderContract('The local environment', createHarness);
