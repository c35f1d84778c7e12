import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster } from '../testing';
import { startLoad } from './__testUtils__/load';
import {
  openTrafficWorld,
  TrafficTarget,
  TrafficWorld,
} from './__testUtils__/trafficWorld';

jest.setTimeout(240_000);

describeOnCluster('Traffic by an HTTPRoute, through a real Envoy', () => {
  let world: TrafficWorld;
  beforeAll(async () => {
    world = await openTrafficWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  const load = (of: TrafficTarget) =>
    startLoad(world.gatewayUrl ?? '', {
      hostname: world.hostnameOf(of.target),
    });
  const lately = (versions: string[]) => versions.slice(-30);

  it('loses no request when weights move, roles change, a rollout is broken off and a generation is removed', async () => {
    const shop = await world.open();
    await shop.bring('stable');
    await shop.bind();
    await shop.share({ stable: 100 });
    await poll('it answers', async () => {
      const { status } = await world.request(shop.target);
      return status === 200;
    });
    const { result, stop } = load(shop);
    await shop.bring('canary');
    for (const percent of [10, 50, 100]) {
      await shop.share({ stable: 100 - percent, canary: percent });
      await poll(`${percent} of the canary`, async () =>
        lately(result.versions).includes('canary'),
      );
    }
    // Broken off: everything goes back, then the canary is taken away.
    await shop.share({ stable: 100 });
    await shop.remove('canary');
    await poll('only stable', async () =>
      lately(result.versions).every(version => version === 'stable'),
    );
    // And forward again: promoted, and what was stable is removed.
    await shop.bring('next', { track: 'canary' });
    await shop.share({ stable: 50, next: 50 });
    await shop.track('next', 'stable');
    await shop.track('stable', 'draining');
    await shop.share({ next: 100 });
    await shop.remove('stable');
    await poll('only next', async () =>
      lately(result.versions).every(version => version === 'next'),
    );
    const { failures, versions } = await stop();
    expect(failures).toEqual([]);
    expect(versions.length).toBeGreaterThan(500);
    const service = await shop.get('Service');
    expect(service.spec).toMatchObject({
      selector: { 'slipway.dev/generation': 'next' },
    });
  });
});
