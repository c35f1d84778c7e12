import { isKnown } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeWithControl, startLoad } from '../testing';
import {
  openTrafficWorld,
  quiet,
  toShares,
  TrafficTarget,
  TrafficWorld,
} from './__testUtils__/trafficWorld';

jest.setTimeout(240_000);

describeWithControl('Traffic while parts of the gateway die', control => {
  let world: TrafficWorld;
  beforeAll(async () => {
    world = await openTrafficWorld();
  });
  afterEach(async () => {
    await control.restore();
  });
  afterAll(async () => {
    await world?.close();
  });

  async function open() {
    const shop = await world.open();
    await shop.bring('stable');
    await shop.bring('canary');
    await shop.bind();
    await shop.share({ stable: 90, canary: 10 });
    await poll('it answers', async () => {
      const { status } = await world.request(shop.target);
      return status === 200;
    });
    return shop;
  }

  const load = (of: TrafficTarget) =>
    startLoad(world.gatewayUrl ?? '', {
      hostname: world.hostnameOf(of.target),
      everyMs: 20,
    });

  it('keeps what the gateway took last, and loses nothing, while its controller is dead', async () => {
    const shop = await open();
    const { result, stop } = load(shop);
    const before = await world.traffic.observe(shop.target, quiet);
    await control.kill('contour');
    const fence = { epoch: 1, revision: 50 };
    const wanted = toShares({ stable: 40, canary: 60 });
    await world.traffic.request(shop.target, fence, wanted, quiet);
    const during = await world.traffic.observe(shop.target, quiet);
    expect(during).toMatchObject({
      known: {
        accepted: toShares({ stable: 90, canary: 10 }),
        causes: [{ code: 'route-pending' }],
      },
    });
    expect(isKnown(during) && during.reflects).toBeLessThan(fence.revision);
    expect(isKnown(before) && before.reflects).toBeGreaterThan(0);

    await control.start('contour');
    await poll('the shares are in force', async () => {
      await world.traffic.request(shop.target, fence, wanted, quiet);
      const now = await world.traffic.observe(shop.target, quiet);
      return (
        isKnown(now) &&
        now.reflects === fence.revision &&
        JSON.stringify(now.known.accepted) === JSON.stringify(wanted)
      );
    });
    const from = result.versions.length;
    await poll('enough requests', async () => {
      return result.versions.length > from + 200;
    });
    const { failures, versions } = await stop();
    expect(failures).toEqual([]);
    const canary = versions
      .slice(from)
      .filter(version => version === 'canary').length;
    expect(canary / (versions.length - from)).toBeGreaterThan(0.4);
  });

  it('says that nothing is measured while Envoy is dead, and divides as it was told when it is back', async () => {
    const shop = await open();
    await control.kill('envoy');
    const fence = { epoch: 1, revision: 50 };
    const wanted = toShares({ stable: 30, canary: 70 });
    await poll('it is told', async () => {
      await world.traffic.request(shop.target, fence, wanted, quiet);
      const now = await world.traffic.observe(shop.target, quiet);
      return (
        isKnown(now) &&
        now.known.measured === undefined &&
        now.known.causes?.some(({ code }) => code === 'traffic-not-measured')
      );
    });
    await control.start('envoy');
    await poll('it answers again', async () => {
      const { status } = await world.request(shop.target);
      return status === 200;
    });
    const { result, stop } = load(shop);
    await poll('enough requests', async () => result.versions.length > 200);
    const { failures, versions } = await stop();
    expect(failures).toEqual([]);
    const canary = versions.filter(version => version === 'canary').length;
    expect(canary / versions.length).toBeGreaterThan(0.5);
    expect(canary / versions.length).toBeLessThan(0.9);
  });
});
