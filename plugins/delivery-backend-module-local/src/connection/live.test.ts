import {
  InstanceState,
  Observed,
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import {
  TestWorld,
  bringUp,
  poll,
  startTestWorld,
} from './__testUtils__/world';

jest.setTimeout(180_000);

describe('the watch of the local environment', () => {
  const shop: TargetRef = {
    service: 'component:default/shop',
    environment: 'staging',
  };
  let world: TestWorld;

  beforeAll(async () => {
    world = await startTestWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  it('tells every change, says when it knows nothing, and knows again', async () => {
    const seen: Array<Observed<InstanceState[]>> = [];
    world.connection.live.watch((target, state) => {
      if (stringifyTarget(target) === stringifyTarget(shop)) {
        seen.push(state);
      }
    }, world.signal);
    await bringUp(world, shop, {
      generation: 'g',
      plan: await world.plan(shop, { version: 'one' }),
      revision: 3,
    });
    const last = () => seen[seen.length - 1];
    const ready = () => {
      const state = last();
      return state && 'known' in state && state.known.some(i => i.ready);
    };
    await poll('ready is told', async () => ready());
    expect(last()).toMatchObject({
      reflects: 3,
      known: [
        {
          generation: 'g',
          phase: 'running',
          ready: true,
          restarts: 0,
          digests: { app: expect.stringMatching(/^sha256:/) },
          address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        },
      ],
    });
    expect(
      seen.some(state => 'known' in state && state.known.some(i => !i.ready)),
    ).toBe(true);

    const before = seen.length;
    process.kill(await world.localdPid(), 'SIGKILL');
    await poll('unknown is told', async () =>
      seen.slice(before).some(state => 'unknown' in state),
    );
    await poll('ready is told again', async () => ready());

    await world.connection.workloads.remove(
      shop,
      { epoch: 1, revision: 4 },
      'g',
      world.signal,
    );
    await poll('the end is told', async () => {
      const state = last();
      return 'known' in state && state.known.length === 0;
    });
    expect(last()).toMatchObject({ reflects: 4 });
  });
});
