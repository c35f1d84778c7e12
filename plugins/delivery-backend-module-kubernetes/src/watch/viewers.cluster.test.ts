import { setTimeout as delay } from 'node:timers/promises';
import { ServiceOverview } from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { bringFirst } from '../faults/__testUtils__/canary';
import { describeOnCluster } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';

jest.setTimeout(240_000);

const VIEWERS = 10;
const WATCHED_MS = 8_000;
/** Of a page whose stream tells that something changed, all the time. */
const LOOK_EVERY_MS = 250;

describeOnCluster('People who look at a service at rest', () => {
  let engine: EngineWorld;
  beforeAll(async () => {
    engine = await openEngineWorld();
  });
  afterAll(() => engine?.close());

  const overview = () =>
    engine.api<ServiceOverview>(
      'GET',
      `services/${engine.target.service.replace(':', '/')}/overview`,
    );

  /** What the API server was asked while `VIEWERS` looked, watches aside. */
  async function askedMeanwhile(): Promise<string[]> {
    const { requests } = engine.proxy();
    const from = requests.length;
    const untilMs = Date.now() + WATCHED_MS;
    await Promise.all(
      Array.from({ length: VIEWERS }, async () => {
        while (Date.now() < untilMs) {
          await overview();
          await delay(LOOK_EVERY_MS);
        }
      }),
    );
    return requests
      .slice(from)
      .filter(({ isWatch }) => !isWatch)
      .map(({ method, path }) => `${method} ${path}`);
  }

  it('cost the API server nothing, before anything was deployed', async () => {
    await engine.release({ version: 'waits' });
    const { targets } = await overview();
    expect(targets).toHaveLength(1);
    expect(await askedMeanwhile()).toEqual([]);
    expect((await overview()).targets[0].workloads).toMatchObject({
      known: { generations: [] },
    });
  });

  it('cost the API server nothing while it runs, and are told shares, instances and where it answers', async () => {
    await bringFirst(engine);
    // The engine looks once more at what it has just brought about.
    const asked = await poll(
      'nothing is asked',
      async () => {
        const found = await askedMeanwhile();
        return found.length === 0 && { found };
      },
      60_000,
    );
    expect(asked.found).toEqual([]);
    const [target] = (await overview()).targets;
    expect(target.traffic).toMatchObject({
      known: {
        accepted: [{ percent: 100 }],
        address: expect.stringMatching(/^http/),
      },
    });
    expect(target.workloads).toMatchObject({
      known: { generations: [{ ready: 2 }] },
    });
  });
});
