import { isKnown } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster } from '../testing';
import {
  openTrafficWorld,
  quiet,
  toShares,
  TrafficTarget,
  TrafficWorld,
} from './__testUtils__/trafficWorld';

jest.setTimeout(180_000);

describeOnCluster('Traffic by the ratio of instances, without a route', () => {
  let world: TrafficWorld;
  beforeAll(async () => {
    world = await openTrafficWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  async function selector(shop: TrafficTarget) {
    const { spec } = await shop.get('Service');
    return (spec as { selector: Record<string, string> }).selector;
  }

  it('selects everybody who has a share, or the only one by name', async () => {
    const shop = await world.open({ route: false });
    await shop.bind();
    expect(await selector(shop)).toMatchObject({
      'slipway.dev/generation': 'none',
    });
    await shop.bring('stable');
    await shop.share({ stable: 100 });
    await shop.bring('canary');
    expect(await selector(shop)).toEqual({
      app: shop.name,
      'slipway.dev/generation': 'stable',
    });
    await shop.share({ stable: 50, canary: 50 });
    expect(await selector(shop)).toEqual({ app: shop.name });
    await poll('both answer', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => world.request(shop.target)),
      );
      return new Set(answers.map(({ version }) => version)).size === 2;
    });
    await shop.share({ canary: 100 });
    expect(await world.request(shop.target)).toMatchObject({
      version: 'canary',
    });
  });

  it('sees a selector that was changed by hand, says by what, and puts it right', async () => {
    const shop = await world.open({ route: false });
    await shop.bring('stable');
    await shop.bring('canary');
    await shop.bind();
    await shop.share({ stable: 100 });
    await world.client.patch(
      {
        apiVersion: 'v1',
        kind: 'Service',
        name: shop.name,
        namespace: world.namespace,
      },
      { spec: { selector: { 'slipway.dev/generation': 'canary' } } },
      { fieldManager: 'kubectl-edit' },
      quiet,
    );
    const seen = await world.traffic.observe(shop.target, quiet);
    expect(seen).toMatchObject({
      known: {
        accepted: toShares({ canary: 100 }),
        causes: expect.arrayContaining([
          expect.objectContaining({
            code: 'selector-edited',
            summary: expect.stringContaining('kubectl-edit'),
          }),
        ]),
      },
    });
    await shop.share({ stable: 100 });
    const after = await world.traffic.observe(shop.target, quiet);
    expect(isKnown(after) && after.known.causes).toBeUndefined();
  });

  it('leaves traffic where it is when nothing of what is asked for is ready', async () => {
    const shop = await world.open({ route: false });
    await shop.bring('stable');
    await shop.bind();
    await shop.share({ stable: 100 });
    await shop.bring('broken', { behaviour: 'never-ready', ready: false });
    await world.traffic.request(
      shop.target,
      { epoch: 1, revision: 9 },
      toShares({ broken: 100 }),
      quiet,
    );
    expect(await world.request(shop.target)).toMatchObject({
      version: 'stable',
    });
    expect(await world.traffic.observe(shop.target, quiet)).toMatchObject({
      known: { accepted: toShares({ stable: 100 }) },
    });
  });
});
