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
});
