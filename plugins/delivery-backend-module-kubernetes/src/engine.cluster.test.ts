import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { describeOnCluster } from './testing';
import {
  EngineWorld,
  openEngineWorld,
} from './testing/__testUtils__/engineWorld';

jest.setTimeout(600_000);

describeOnCluster('The engine on a real cluster', () => {
  let engine: EngineWorld;
  beforeAll(async () => {
    engine = await openEngineWorld();
  });
  afterAll(() => engine?.close());

  /** Who answers a number of requests, sent one after the other. */
  async function answers(count: number): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (let n = 0; n < count; n += 1) {
      const { status, version = `status ${status}` } =
        await engine.world.request(engine.target);
      counts[version] = (counts[version] ?? 0) + 1;
    }
    return counts;
  }

  /** How a deployment ends. */
  async function outcomeOf(id: string) {
    const { deployment } = await engine.ended(id);
    return deployment.outcome;
  }

  it('brings the first release up, canaries the next by the route, and rolls a bad one back', async () => {
    const { world } = engine;
    const first = await engine.release({ version: 'one' });
    expect(first).toMatchObject({ status: 'ready' });
    expect(await outcomeOf(await engine.deploy(first.id))).toBe('succeeded');
    expect(await answers(20)).toEqual({ one: 20 });

    const second = await engine.release({ version: 'two' });
    const canary = await engine.deploy(second.id);
    expect(
      await engine.until(
        canary,
        'the canary waits',
        ({ status }) => status === 'paused',
      ),
    ).toMatchObject({ deployment: { status: 'paused' } });
    const shared = await answers(100);
    expect(Object.keys(shared).sort()).toEqual(['one', 'two']);
    expect(shared.two).toBeGreaterThan(10);
    expect(shared.two).toBeLessThan(45);
    await engine.command(canary, 'promote');
    expect(await outcomeOf(canary)).toBe('succeeded');
    expect(await answers(20)).toEqual({ two: 20 });

    const third = await engine.release({
      version: 'three',
      behaviour: 'crashing',
    });
    expect(await outcomeOf(await engine.deploy(third.id))).toBe('rolled-back');
    expect(await answers(20)).toEqual({ two: 20 });
    // What was tried is gone, and what serves was never touched.
    const left = await poll('only the stable generation is left', async () => {
      const { items } = await world.client.list(
        { apiVersion: 'apps/v1', kind: 'Deployment' },
        { namespace: world.namespace },
        new AbortController().signal,
      );
      return items.length === 1 && items;
    });
    expect(JSON.stringify(left[0].spec)).toContain(second.images[0].digest);
  });
});
