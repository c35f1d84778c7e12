import {
  isKnown,
  TrafficState,
} from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster, startLoad } from '../../testing';
import {
  openTrafficWorld,
  quiet,
  toShares,
  TrafficTarget,
  TrafficWorld,
} from '../__testUtils__/trafficWorld';

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
    expect(versions.length).toBeGreaterThan(100);
    const service = await shop.get('Service');
    expect(service.spec).toMatchObject({
      selector: { 'slipway.dev/generation': 'next' },
    });
  });

  async function open(shares: Record<string, number>) {
    const shop = await world.open();
    for (const generation of Object.keys(shares)) {
      await shop.bring(generation);
    }
    await shop.bind();
    await shop.share(shares);
    return shop;
  }

  async function known(shop: TrafficTarget): Promise<TrafficState> {
    const now = await world.traffic.observe(shop.target, quiet);
    if (!isKnown(now)) {
      throw new Error(now.unknown);
    }
    return now.known;
  }

  const byHand = (
    shop: TrafficTarget,
    kind: 'HTTPRoute' | 'Service',
    patch: Record<string, unknown>,
  ) =>
    world.client.patch(
      {
        apiVersion: kind === 'Service' ? 'v1' : 'gateway.networking.k8s.io/v1',
        kind,
        name: shop.name,
        namespace: world.namespace,
      },
      patch,
      { fieldManager: 'kubectl-edit' },
      quiet,
    );

  it('measures at Envoy what really flows, and says where people reach the service', async () => {
    const shop = await open({ stable: 50, canary: 50 });
    await known(shop);
    const { stop } = load(shop);
    const { measured } = await poll('measured', async () => {
      const now = await known(shop);
      return (now.measured?.requests ?? 0) > 100 && now;
    });
    const { failures } = await stop();
    expect(failures).toEqual([]);
    for (const { percent } of measured?.shares ?? []) {
      expect(Math.abs(percent - 50)).toBeLessThan(25);
    }
    expect(measured?.shares).toHaveLength(2);
    expect((await known(shop)).address).toBe(
      `http://${world.hostnameOf(shop.target)}`,
    );
  });

  it('sees a route that was changed by hand, says by what, and puts the weights right without touching the rest', async () => {
    const shop = await open({ stable: 80, canary: 20 });
    const route = await shop.get('HTTPRoute');
    const { rules } = route.spec as {
      rules: Array<{ backendRefs: Array<{ name: string }> }>;
    };
    const filters = [
      {
        type: 'RequestHeaderModifier',
        requestHeaderModifier: { set: [{ name: 'x-by-hand', value: 'yes' }] },
      },
    ];
    await byHand(shop, 'HTTPRoute', {
      metadata: { labels: { team: 'shop' } },
      spec: {
        rules: rules.map(rule => ({
          ...rule,
          filters,
          backendRefs: rule.backendRefs.map(ref => ({
            ...ref,
            weight: ref.name.endsWith('canary') ? 90 : 10,
          })),
        })),
      },
    });
    const edited = await poll('the change is seen', async () => {
      const now = await known(shop);
      return now.causes?.some(({ code }) => code === 'route-edited') && now;
    });
    expect(edited.accepted).toEqual(toShares({ stable: 10, canary: 90 }));
    expect(edited.causes?.[0].summary).toMatch(
      /HTTPRoute\/.* at rules\[0\]: it was changed by kubectl-edit at 20/,
    );
    await shop.share({ stable: 80, canary: 20 });
    expect((await known(shop)).causes).toBeUndefined();
    expect(await shop.get('HTTPRoute')).toMatchObject({
      metadata: { labels: { team: 'shop' } },
      spec: { rules: [{ filters }] },
    });
  });

  it('does not fight a route that was turned to others: that is unknown, and nobody moves', async () => {
    const shop = await open({ stable: 100 });
    await byHand(shop, 'HTTPRoute', {
      spec: { rules: [{ backendRefs: [{ name: 'maintenance', port: 80 }] }] },
    });
    expect(await world.traffic.observe(shop.target, quiet)).toMatchObject({
      unknown: expect.stringMatching(/kubectl-edit|False/),
    });
    await expect(
      world.traffic.request(
        shop.target,
        { epoch: 1, revision: 9 },
        toShares({ stable: 100 }),
        quiet,
      ),
    ).rejects.toMatchObject({
      name: 'ConflictError',
      message: expect.stringContaining('changed by kubectl-edit'),
    });
    await shop.bind();
    await shop.share({ stable: 100 });
  });

  it('puts a selector right that was changed by hand; callers inside meet stable only', async () => {
    const shop = await open({ stable: 50, canary: 50 });
    const selector = async () =>
      (await shop.get('Service')).spec as {
        selector: Record<string, string>;
      };
    expect((await selector()).selector).toMatchObject({
      'slipway.dev/generation': 'stable',
    });
    await byHand(shop, 'Service', {
      spec: { selector: { 'slipway.dev/generation': 'canary', tier: 'x' } },
    });
    await shop.share({ stable: 60, canary: 40 });
    expect((await selector()).selector).toEqual({
      app: shop.name,
      'slipway.dev/generation': 'stable',
    });
  });

  it('keeps shares as they are while instances come and go', async () => {
    const shop = await open({ stable: 90, canary: 10 });
    await shop.scale('canary', 3);
    await poll('three', async () => {
      const { status } = await world.client
        .get(
          {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            name: `${shop.name}-canary`,
            namespace: world.namespace,
          },
          quiet,
        )
        .then(found => found as { status?: { readyReplicas?: number } });
      return status?.readyReplicas === 3;
    });
    expect((await known(shop)).accepted).toEqual(
      toShares({ stable: 90, canary: 10 }),
    );
    const { result, stop } = load(shop);
    await poll('enough', async () => result.versions.length > 300);
    const { versions } = await stop();
    const canary = versions.filter(version => version === 'canary').length;
    expect(canary / versions.length).toBeLessThan(0.2);
  });

  it('is unknown while a gateway does not take the route, and says which and why', async () => {
    const shop = await world.open();
    await shop.bring('stable');
    await shop.bind(({ routes }) => {
      for (const route of routes) {
        Object.assign(route.spec as object, {
          parentRefs: [
            { name: 'slipway', namespace: 'gateway', sectionName: 'nowhere' },
          ],
        });
      }
    });
    const fence = { epoch: 1, revision: 5 };
    await world.traffic.request(
      shop.target,
      fence,
      toShares({ stable: 100 }),
      quiet,
    );
    const observed = await world.traffic.observe(shop.target, quiet);
    expect(observed).toMatchObject({
      unknown: expect.stringMatching(
        /Gateway gateway\/slipway section nowhere says of HTTPRoute .* Accepted is False/,
      ),
    });
  });

  it('is unknown when a route is gone, or the cluster does not know its kind any more', async () => {
    const shop = await open({ stable: 100 });
    await world.client.delete(
      {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'HTTPRoute',
        name: shop.name,
        namespace: world.namespace,
      },
      {},
      quiet,
    );
    expect(await world.traffic.observe(shop.target, quiet)).toMatchObject({
      unknown: expect.stringContaining(`HTTPRoute/${shop.name}`),
    });
    await expect(
      world.traffic.request(
        shop.target,
        { epoch: 1, revision: 9 },
        toShares({ stable: 100 }),
        quiet,
      ),
    ).rejects.toMatchObject({ name: 'ConflictError' });
    await shop.bind();
    await shop.share({ stable: 100 });
  });

  it('weights a GRPCRoute in the same way', async () => {
    const shop = await world.open();
    await shop.bring('stable');
    await shop.bring('canary');
    await shop.bind(({ routes }) => {
      for (const route of routes) {
        route.kind = 'GRPCRoute';
      }
    });
    await shop.share({ stable: 70, canary: 30 });
    expect(await shop.get('GRPCRoute')).toMatchObject({
      spec: {
        rules: [
          {
            backendRefs: [
              { name: `${shop.name}-stable`, weight: 70 },
              { name: `${shop.name}-canary`, weight: 30 },
            ],
          },
        ],
      },
    });
  });

  it('takes a service over that served before, and loses no request', async () => {
    const target = world.newTarget();
    const plain = await world.plan(target, { version: 'before' });
    await world.applyPlain(plain);
    await poll('it answers', async () => {
      const { status } = await world.request(target);
      return status === 200;
    });
    const shop = await world.open({ target });
    const { result, stop } = load(shop);
    await expect(shop.bind()).rejects.toMatchObject({
      message: expect.stringMatching(/conflict|belongs to/i),
    });
    await shop.bind(undefined, true);
    await shop.bring('new', { track: 'stable' });
    await shop.share({ new: 100 });
    await poll('the new one answers', async () =>
      lately(result.versions).every(version => version === 'new'),
    );
    const { failures } = await stop();
    expect(failures).toEqual([]);
  });
});
