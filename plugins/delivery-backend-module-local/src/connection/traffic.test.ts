import {
  MeasurementOutcome,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { startLoad } from './__testUtils__/load';
import {
  TestWorld,
  bringUp,
  generationOf,
  poll,
  routerUrl,
  startTestWorld,
} from './__testUtils__/world';

jest.setTimeout(180_000);

function target(name: string): TargetRef {
  return { service: `component:default/${name}`, environment: 'production' };
}

describe('traffic of the local environment', () => {
  let world: TestWorld;

  beforeAll(async () => {
    world = await startTestWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  async function query(
    of: TargetRef,
    generation: string,
    metric: string,
    fromMs: number,
  ): Promise<MeasurementOutcome> {
    const [provider] = world.connection.metrics;
    const { outcome } = await provider.query(
      { target: of, generation, metric, fromMs, toMs: Date.now() + 1_000 },
      world.signal,
    );
    return outcome;
  }

  it('gives a canary the share that was asked for, and measures each track', async () => {
    const shop = target('split');
    const stable = await world.plan(shop, { version: 'stable' });
    const canary = await world.plan(shop, {
      version: 'canary',
      respond: `response.writeHead(Math.random() < 0.5 ? 500 : 200); response.end('{"version":"canary"}')`,
    });
    await bringUp(world, shop, {
      generation: 'stable',
      plan: stable,
      revision: 1,
      replicas: 2,
      shares: [{ generation: 'stable', percent: 100 }],
    });
    await bringUp(world, shop, {
      generation: 'canary',
      plan: canary,
      revision: 2,
      shares: [
        { generation: 'stable', percent: 90 },
        { generation: 'canary', percent: 10 },
      ],
    });
    const url = await routerUrl(world, shop);
    const fromMs = Date.now() - 2_000;
    const versions: string[] = [];
    for (let request = 0; request < 500; request += 1) {
      const response = await fetch(url);
      versions.push((await response.json()).version);
    }
    const share = versions.filter(version => version === 'canary').length / 500;
    expect(share).toBeGreaterThan(0.09);
    expect(share).toBeLessThan(0.11);

    const success = await query(shop, 'canary', 'success-rate', fromMs);
    expect(success).toMatchObject({ type: 'value', samples: 50 });
    expect(success.type === 'value' && success.value).toBeLessThan(0.9);
    expect(await query(shop, 'stable', 'success-rate', fromMs)).toEqual({
      type: 'value',
      value: 1,
      samples: 450,
    });
    expect(await query(shop, 'stable', 'latency-p95', fromMs)).toMatchObject({
      type: 'value',
      samples: 450,
    });
    expect(await query(shop, 'nothing', 'success-rate', fromMs)).toMatchObject({
      type: 'no-data',
    });
    expect(await query(shop, 'stable', 'cpu', fromMs)).toMatchObject({
      type: 'error',
      message: expect.stringContaining('success-rate'),
    });

    const observed = await world.connection.traffic.observe(shop, world.signal);
    expect(observed).toMatchObject({
      reflects: 2,
      known: {
        accepted: [
          { generation: 'stable', percent: 90 },
          { generation: 'canary', percent: 10 },
        ],
        measured: { requests: expect.any(Number) },
      },
    });
  });

  it('loses no request while generations are switched and removed under load', async () => {
    const shop = target('switch');
    const slowly = (version: string) => ({
      version,
      respond: `setTimeout(() => response.end(JSON.stringify({ version })), 20)`,
    });
    await bringUp(world, shop, {
      generation: 'blue',
      plan: await world.plan(shop, slowly('blue')),
      revision: 1,
      replicas: 2,
      shares: [{ generation: 'blue', percent: 100 }],
    });
    const load = startLoad(await routerUrl(world, shop), { clients: 8 });
    const seen = (version: string) => async () =>
      load.result.versions.slice(-20).every(other => other === version) &&
      load.result.versions.length > 20;
    await poll('traffic on blue', seen('blue'));

    await bringUp(world, shop, {
      generation: 'green',
      plan: await world.plan(shop, slowly('green')),
      revision: 2,
      replicas: 2,
      shares: [
        { generation: 'blue', percent: 50 },
        { generation: 'green', percent: 50 },
      ],
    });
    await poll('traffic on both', async () =>
      ['blue', 'green'].every(version =>
        load.result.versions.slice(-50).includes(version),
      ),
    );
    await world.connection.traffic.request(
      shop,
      { epoch: 1, revision: 3 },
      [{ generation: 'green', percent: 100 }],
      world.signal,
    );
    await world.connection.workloads.remove(
      shop,
      { epoch: 1, revision: 4 },
      'blue',
      world.signal,
    );
    await poll('traffic on green', seen('green'));
    await poll('blue is gone', async () => {
      return (await generationOf(world, shop, 'blue')) === undefined;
    });

    const state = await generationOf(world, shop, 'green');
    const [victim] = state?.instances ?? [];
    await world.connection.operations?.run(
      shop,
      'delete-instance',
      { instance: victim.id },
      'key',
      world.signal,
    );
    await poll('the deleted instance is replaced', async () => {
      const now = await generationOf(world, shop, 'green');
      return (
        now?.ready === 2 &&
        now.instances.length === 2 &&
        now.instances.every(({ id }) => id !== victim.id)
      );
    });
    const { failures, versions } = await load.stop();
    expect(failures).toEqual([]);
    expect(versions.length).toBeGreaterThan(100);
  });

  it('sends nothing to a generation without a ready instance', async () => {
    const shop = target('unready');
    await bringUp(world, shop, {
      generation: 'good',
      plan: await world.plan(shop, { version: 'good' }),
      revision: 1,
      shares: [{ generation: 'good', percent: 100 }],
    });
    const never = await world.plan(shop, { version: 'never', ready: 'false' });
    await world.connection.workloads.ensure(
      shop,
      { epoch: 1, revision: 2 },
      { generation: 'never', plan: never, track: 'canary', replicas: 1 },
      world.signal,
    );
    await world.connection.traffic.request(
      shop,
      { epoch: 1, revision: 2 },
      [
        { generation: 'good', percent: 50 },
        { generation: 'never', percent: 50 },
      ],
      world.signal,
    );
    const url = await routerUrl(world, shop);
    for (let request = 0; request < 20; request += 1) {
      const response = await fetch(url);
      expect(await response.json()).toMatchObject({ version: 'good' });
    }
  });

  it('passes requests on as they are, bodies included', async () => {
    const shop = target('echo');
    await bringUp(world, shop, {
      generation: 'echo',
      plan: await world.plan(shop, {
        version: 'echo',
        respond: `let body = ''; request.on('data', part => { body += part; }); request.on('end', () => { response.writeHead(201, { 'x-answer': 'yes' }); response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body })); })`,
      }),
      revision: 1,
      shares: [{ generation: 'echo', percent: 100 }],
    });
    const response = await fetch(`${await routerUrl(world, shop)}/a/b?c=d`, {
      method: 'POST',
      headers: { 'x-question': 'why' },
      body: 'x'.repeat(300_000),
    });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-answer')).toBe('yes');
    const echoed = await response.json();
    expect(echoed).toMatchObject({
      method: 'POST',
      url: '/a/b?c=d',
      headers: { 'x-question': 'why', 'x-forwarded-for': '127.0.0.1' },
    });
    expect(echoed.body).toHaveLength(300_000);
  });

  it('generates example traffic when a person switches it on, and says so', async () => {
    const shop = target('generated');
    await bringUp(world, shop, {
      generation: 'g',
      plan: await world.plan(shop, { version: 'g' }),
      revision: 1,
      shares: [{ generation: 'g', percent: 100 }],
    });
    const { operations } = world.connection;
    const traffic = async () =>
      (await operations?.list(shop, world.signal))?.find(
        ({ id }) => id === 'generate-traffic',
      );
    expect(await traffic()).toMatchObject({ on: false });
    await expect(
      operations?.run(
        shop,
        'generate-traffic',
        { on: 'yes' },
        'k',
        world.signal,
      ),
    ).rejects.toThrow('true or false');
    await operations?.run(
      shop,
      'generate-traffic',
      { on: true, requestsPerSecond: 50 },
      'k',
      world.signal,
    );
    await poll('20 requests', async () => {
      const outcome = await query(shop, 'g', 'request-count', 0);
      return outcome.type === 'value' && outcome.value >= 20;
    });
    expect(await traffic()).toMatchObject({
      on: true,
      description: expect.stringMatching(
        /50 requests a second to \/; \d+ sent/,
      ),
    });
    await operations?.run(
      shop,
      'generate-traffic',
      { on: false },
      'k',
      world.signal,
    );
    expect(await traffic()).toMatchObject({ on: false });
  });
});
