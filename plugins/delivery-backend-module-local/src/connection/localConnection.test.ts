import { TargetRef } from '@slipway/backstage-plugin-delivery-common';
import {
  TestWorld,
  bringUp,
  routerUrl,
  startTestWorld,
} from './__testUtils__/world';

jest.setTimeout(120_000);

describe('the local environment', () => {
  let world: TestWorld;
  const target: TargetRef = {
    service: 'component:default/shop',
    environment: 'staging',
  };

  beforeAll(async () => {
    world = await startTestWorld();
  });
  afterAll(async () => {
    await world.close();
  });

  it('runs an image behind a router', async () => {
    const plan = await world.plan(target, { version: 'one' });
    await bringUp(world, target, {
      generation: 'g1',
      plan,
      revision: 1,
      shares: [{ generation: 'g1', percent: 100 }],
    });
    const response = await fetch(await routerUrl(world, target));
    expect(await response.json()).toMatchObject({ version: 'one' });
  });

  it('is checked before anything runs; a registry that is away is missing, not an error', async () => {
    const empty = await startTestWorld();
    const check = async () =>
      empty.connection.check?.({ environment: 'staging' }, empty.signal);
    try {
      expect(await check()).toEqual([
        {
          id: 'runtime',
          title: 'slipway-locald answers',
          status: 'ok',
          message: expect.stringMatching(
            `^Process ${await empty.localdPid()} runs the services with Node \\d+`,
          ),
        },
        {
          id: 'registry',
          title: `The registry ${empty.registry.access.host} answers`,
          status: 'ok',
          message: 'Images can be pulled',
        },
      ]);
      await empty.registry.close();
      expect(await check()).toMatchObject([
        { id: 'runtime', status: 'ok' },
        {
          id: 'registry',
          status: 'missing',
          message: expect.stringMatching(/^fetch failed: ./),
          fix: expect.stringContaining('delivery.registry'),
        },
      ]);
    } finally {
      await empty.close();
    }
  });
});
