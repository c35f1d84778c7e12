import { isKnown } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { KubeObject } from '../client';
import {
  bringFirst,
  expectNothingTwice,
  expectServed,
  pausedCanary,
} from '../faults/__testUtils__/canary';
import { answeredBy, describeOnCluster, startLoad } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';
import { createWorkloads } from '../workloads';
import {
  openTrafficWorld,
  quiet,
  TrafficWorld,
} from './__testUtils__/trafficWorld';

jest.setTimeout(240_000);

const ROUTE = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
};
const ALWAYS = { 'x-canary': 'always' };
const HEADERS = [{ name: 'x-canary', value: 'always' }];

interface Rules {
  rules: Array<{
    matches?: Array<{ headers?: Array<{ name: string }> }>;
    filters?: Array<{ type: string }>;
    backendRefs: Array<{ name: string; weight: number }>;
  }>;
}
const rulesOf = ({ spec }: KubeObject) => (spec as unknown as Rules).rules;

/** What a route does beside its weights. */
function beside(route: KubeObject): string[] {
  return rulesOf(route).flatMap(({ matches = [], filters = [] }) => [
    ...(matches.some(({ headers }) => headers?.length) ? ['headers'] : []),
    ...(filters.some(({ type }) => type === 'RequestMirror') ? ['copies'] : []),
  ]);
}

describeOnCluster(
  'A canary with a route by headers and copies of requests',
  () => {
    let engine: EngineWorld;
    beforeAll(async () => {
      engine = await openEngineWorld({
        steps: `[
        { route: { headers: [{ name: X-Canary, value: always }] } },
        { mirror: 100% },
        { pause: {} },
        { mirror: 0% },
        { weight: 50% },
        { pause: {} },
      ]`,
      });
      await bringFirst(engine);
    });
    afterAll(() => engine?.close());

    async function versions(count: number, headers?: Record<string, string>) {
      const { world, target } = engine;
      const seen: string[] = [];
      for (let n = 0; n < count; n += 1) {
        const { status, version } = await world.request(target, { headers });
        seen.push(version ?? `status ${status}`);
      }
      return seen;
    }

    const candidateOf = async (id: string) =>
      (await engine.detail(id)).deployment.rollout?.candidate.generation ?? '';

    it('answers only who asks with the header, sees copies of everything, and both end before anything else when a person aborts', async () => {
      const { world, target } = engine;
      const load = engine.load();
      const id = await pausedCanary(engine, 'second');
      const candidate = await candidateOf(id);
      expect(new Set(await versions(30, ALWAYS))).toEqual(new Set(['second']));
      expect(new Set(await versions(30))).toEqual(new Set(['first']));

      const before = await answeredBy(world, target, candidate);
      await versions(40);
      await poll('its own log has the copies', async () => {
        return (await answeredBy(world, target, candidate)) >= before + 40;
      });
      // Copies are answered, and nobody gets these answers.
      expect(load.result.versions).not.toContain('second');

      const { namespace } = world;
      const { resourceVersion } = await world.client.list(
        ROUTE,
        { namespace },
        quiet,
      );
      const history: KubeObject[] = [];
      const watching = new AbortController();
      const watched = world.client
        .watch(
          ROUTE,
          { namespace, resourceVersion },
          event => {
            if (event.type !== 'BOOKMARK') {
              history.push(event.object);
            }
          },
          watching.signal,
        )
        .catch((error: unknown) => {
          if (!watching.signal.aborted) {
            throw error;
          }
        });
      expect(await engine.command(id, 'abort')).toMatchObject({
        accepted: true,
      });
      const end = await engine.ended(id);
      expect(end.deployment).toMatchObject({ outcome: 'aborted' });
      await poll('the candidate is out of the route', async () =>
        history.some(route =>
          rulesOf(route).every(({ backendRefs }) =>
            backendRefs.every(({ name }) => !name.endsWith(candidate)),
          ),
        ),
      );
      watching.abort();
      await watched;
      // The first write of the way back ends both, and nothing brings them back.
      const spec = (route: KubeObject) => route.metadata.generation ?? 0;
      const generations = [...new Set(history.map(spec))].sort((a, b) => a - b);
      const writes = generations.map(generation =>
        history.find(route => spec(route) === generation),
      );
      expect(writes.map(route => route && beside(route)).flat()).toEqual([]);
      expect(new Set(await versions(20, ALWAYS))).toEqual(new Set(['first']));
      await expectServed(load, 'first');
      expectNothingTwice(end);
    });

    it('goes on by weight beside the route, and is promoted without either, with no request lost', async () => {
      const load = engine.load();
      const id = await pausedCanary(engine, 'third');
      expect(await engine.command(id, 'promote')).toMatchObject({
        accepted: true,
      });
      await engine.until(
        id,
        'half of the traffic',
        ({ rollout, status }) =>
          status === 'paused' && rollout?.goal?.percent === 50,
      );
      const half = await versions(100);
      const share = half.filter(version => version === 'third').length;
      expect(share).toBeGreaterThan(25);
      expect(share).toBeLessThan(75);
      expect(new Set(await versions(30, ALWAYS))).toEqual(new Set(['third']));
      expect(await engine.command(id, 'promote')).toMatchObject({
        accepted: true,
      });
      const end = await engine.ended(id);
      expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
      const { items } = await engine.world.client.list(
        ROUTE,
        { namespace: engine.world.namespace },
        quiet,
      );
      expect(items.flatMap(beside)).toEqual([]);
      expect(new Set(await versions(20, ALWAYS))).toEqual(new Set(['third']));
      await expectServed(load, 'third');
      expectNothingTwice(end);
    });
  },
);

describeOnCluster('Routes beside the shares, on a real Gateway', () => {
  let world: TrafficWorld;
  beforeAll(async () => {
    world = await openTrafficWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  const stable = [{ generation: 'stable', percent: 100 }];

  async function open(traffic = world.traffic) {
    const shop = await world.open({ traffic });
    await shop.bring('stable');
    await shop.bring('canary');
    await shop.bind();
    await shop.share({ stable: 100 });
    return shop;
  }

  it('that somebody takes out are seen to be gone, with who did it, and put back', async () => {
    const shop = await open();
    const route = {
      type: 'headers',
      generation: 'canary',
      headers: HEADERS,
    } as const;
    const ask = (revision: number) =>
      world.traffic.request(
        shop.target,
        { epoch: 1, revision },
        stable,
        quiet,
        [route],
      );
    await ask(5);
    const object = await shop.get('HTTPRoute');
    expect(rulesOf(object)).toHaveLength(2);
    await world.client.patch(
      { ...ROUTE, name: shop.name, namespace: world.namespace },
      { spec: { rules: rulesOf(object).slice(1) } },
      { fieldManager: 'kubectl-edit' },
      quiet,
    );
    const edited = await poll('the change is seen', async () => {
      const now = await world.traffic.observe(shop.target, quiet);
      return (
        isKnown(now) &&
        now.known.causes?.some(({ code }) => code === 'route-edited') &&
        now.known
      );
    });
    expect(edited.routes).toBeUndefined();
    expect(edited.causes?.[0]).toMatchObject({
      code: 'route-edited',
      summary: expect.stringContaining('kubectl-edit'),
    });
    await ask(6);
    expect(await world.traffic.observe(shop.target, quiet)).toMatchObject({
      reflects: 6,
      known: { routes: [route] },
    });
  });

  it('that copy a share are taken by the API server as they are written, and refused where gateways would copy everything', async () => {
    const traffic = world.newTraffic({
      features: { mirrorShares: () => true },
    });
    const shop = await open(traffic);
    for (const [index, percent] of [20, 12.5, 100].entries()) {
      const revision = 5 + index;
      const route = { type: 'mirror', generation: 'canary', percent } as const;
      const fence = { epoch: 1, revision };
      await traffic.request(shop.target, fence, stable, quiet, [route]);
      expect(await traffic.observe(shop.target, quiet)).toMatchObject({
        reflects: revision,
        known: { routes: [route] },
      });
    }
    const plain = world.newTraffic();
    expect(plain.capabilities()).toMatchObject({
      mirror: true,
      mirrorShares: false,
    });
    await expect(
      plain.request(shop.target, { epoch: 1, revision: 9 }, stable, quiet, [
        { type: 'mirror', generation: 'canary', percent: 20 },
      ]),
    ).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringContaining('mirror: 100%'),
    });
  });

  it('stand in a GRPCRoute as well, and are taken by its gateway', async () => {
    const shop = await world.open();
    await shop.bring('stable');
    await shop.bring('canary');
    await shop.bind(({ routes: [route], routes }) => {
      const { parentRefs } = route.spec as { parentRefs: unknown };
      routes.push({
        ...route,
        kind: 'GRPCRoute',
        // Contour mixes up the statuses of routes of one name.
        metadata: { ...route.metadata, name: `${shop.name}-grpc` },
        spec: {
          parentRefs,
          hostnames: [`grpc.${world.hostnameOf(shop.target)}`],
          rules: [
            {
              matches: [{ method: { service: 'shop.Till', method: 'Pay' } }],
              backendRefs: [{ name: shop.name, port: 80 }],
            },
          ],
        },
      });
    });
    await shop.share({ stable: 100 });
    const routes = [
      { type: 'headers', generation: 'canary', headers: HEADERS },
      { type: 'mirror', generation: 'canary', percent: 100 },
    ] as const;
    const fence = { epoch: 1, revision: 7 };
    await world.traffic.request(shop.target, fence, stable, quiet, [...routes]);
    expect(await world.traffic.observe(shop.target, quiet)).toMatchObject({
      reflects: 7,
      known: { accepted: stable, routes },
    });
    const grpc = rulesOf(await shop.get('GRPCRoute', `${shop.name}-grpc`));
    expect(grpc).toHaveLength(2);
    expect(grpc[0]).toMatchObject({
      matches: [
        {
          method: { service: 'shop.Till', method: 'Pay' },
          headers: [{ name: 'x-canary', value: 'always' }],
        },
      ],
    });
  });

  it('are wrong in a release whose manifests have nothing that could do them', async () => {
    const target = world.newTarget();
    const workloads = createWorkloads({ cluster: world.cluster });
    const inspect = async (route: boolean) => {
      const plan = await world.plan(target, { version: 'any', route });
      return await workloads.inspect(plan.objects, plan.images, target, {
        beside: ['route', 'mirror'],
      });
    };
    await expect(inspect(false)).rejects.toMatchObject({
      name: 'InputError',
      message: expect.stringContaining(
        'route and mirror, for which the manifests need an HTTPRoute',
      ),
    });
    expect(await inspect(true)).toMatchObject({ replicas: 1 });
  });

  it('tell shares that flow only while no copies are counted among them', async () => {
    const shop = await open();
    const load = startLoad(world.gatewayUrl ?? '', {
      hostname: world.hostnameOf(shop.target),
    });
    const measured = async () => {
      const now = await world.traffic.observe(shop.target, quiet);
      return isKnown(now) ? now.known.measured : undefined;
    };
    await measured();
    await poll('measured', async () => {
      return ((await measured())?.requests ?? 0) > 50;
    });
    await world.traffic.request(
      shop.target,
      { epoch: 1, revision: 5 },
      stable,
      quiet,
      [{ type: 'mirror', generation: 'canary', percent: 100 }],
    );
    expect(await measured()).toBeUndefined();
    const { failures } = await load.stop();
    expect(failures).toEqual([]);
  });
});
