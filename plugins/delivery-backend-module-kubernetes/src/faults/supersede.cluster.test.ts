import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { KubeObject } from '../client';
import { generationName } from '../names';
import { describeOnCluster } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';
import {
  bringFirst,
  expectNothingTwice,
  expectOneGeneration,
  expectServed,
  pausedCanary,
  quiet,
} from './__testUtils__/canary';

jest.setTimeout(240_000);

interface Route {
  spec?: {
    rules?: Array<{
      backendRefs?: Array<{ name: string; weight?: number }>;
    }>;
  };
}

/** What each backend of a route gets; others get nothing. */
function weightsOf(route: KubeObject & Route): Map<string, number> {
  const refs = route.spec?.rules?.flatMap(rule => rule.backendRefs ?? []) ?? [];
  return new Map(refs.map(({ name, weight }) => [name, weight ?? 1]));
}

describeOnCluster('Releases that come quickly, one after the other', () => {
  let engine: EngineWorld;
  beforeAll(async () => {
    engine = await openEngineWorld({
      queue: 'supersede',
      steps: '[{ weight: 50% }, { pause: {} }, { weight: 100% }]',
    });
    await bringFirst(engine);
  });
  afterAll(() => engine?.close());

  it('take the traffic from the one that they overtake before they get any, and lose none', async () => {
    const { world, target } = engine;
    const load = engine.load();
    const second = await pausedCanary(engine, 'second');
    const third = await engine.release({ version: 'third' });
    const fourth = await engine.release({ version: 'fourth' });

    const route = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
    };
    const { namespace } = world;
    const { resourceVersion } = await world.client.list(
      route,
      { namespace },
      quiet,
    );
    const history: Array<Map<string, number>> = [];
    const watching = new AbortController();
    const watched = world.client
      .watch(
        route,
        { namespace, resourceVersion },
        event => {
          if (event.type !== 'BOOKMARK') {
            history.push(weightsOf(event.object));
          }
        },
        watching.signal,
      )
      .catch((error: unknown) => {
        if (!watching.signal.aborted) {
          throw error;
        }
      });
    const ids = [await engine.deploy(third.id), await engine.deploy(fourth.id)];
    const waits = await engine.until(
      ids[1],
      'the last one waits for a person',
      ({ status }) => status === 'paused',
    );
    expect(waits.deployment).toMatchObject({ status: 'paused' });
    for (const id of [second, ids[0]]) {
      const { deployment } = await engine.ended(id);
      expect(deployment).toMatchObject({
        outcome: 'superseded',
        reason: {
          message: expect.stringMatching(/^(Superseded|Overtaken) by/),
        },
      });
    }

    const { deployment: overtaken } = await engine.detail(second);
    const nameOf = (generation = 'none') =>
      generationName(world.nameOf(target), generation);
    const old = nameOf(overtaken.rollout?.candidate.generation);
    const last = nameOf(waits.deployment.rollout?.candidate.generation);
    await poll('its share is seen', async () =>
      history.some(weights => (weights.get(last) ?? 0) > 0),
    );
    watching.abort();
    await watched;
    const begins = history.findIndex(weights => (weights.get(last) ?? 0) > 0);
    const cleared = history.findIndex(weights => !weights.get(old));
    expect(cleared).toBeGreaterThanOrEqual(0);
    expect(cleared).toBeLessThan(begins);
    for (const weights of history.slice(cleared)) {
      expect(weights.get(old) ?? 0).toBe(0);
    }

    expect(await engine.command(ids[1], 'promote')).toMatchObject({
      accepted: true,
    });
    const end = await engine.ended(ids[1]);
    expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
    expectNothingTwice(end);
    await expectServed(load, 'fourth', end);
    await expectOneGeneration(engine);
  });
});
