import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { isNotFound, KubeObject } from '../client';
import { describeWithControl } from '../testing';
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

jest.setTimeout(300_000);

const CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  name: 'httproutes.gateway.networking.k8s.io',
};

/** Takes all HTTPRoutes of the cluster away for some seconds. */
describeWithControl('A cluster that knows no HTTPRoute any more', control => {
  let engine: EngineWorld;
  let saved: KubeObject;
  beforeAll(async () => {
    engine = await openEngineWorld();
    await bringFirst(engine);
    const found = await engine.world.client.get(CRD, quiet);
    if (!found) {
      throw new Error('The cluster has no HTTPRoute: nothing can be tested');
    }
    const { name, labels, annotations } = found.metadata;
    const { apiVersion, kind, spec } = found;
    saved = { apiVersion, kind, metadata: { name, labels, annotations }, spec };
  });
  afterEach(async () => {
    if (saved) {
      await bringBack();
    }
  });
  afterAll(() => engine?.close());

  async function isServed(): Promise<boolean> {
    try {
      await engine.world.client.raw(
        {
          method: 'GET',
          path: '/apis/gateway.networking.k8s.io/v1/httproutes',
          query: { limit: 1 },
        },
        quiet,
      );
      return true;
    } catch (error) {
      if (isNotFound(error)) {
        return false;
      }
      throw error;
    }
  }

  async function bringBack() {
    const { client } = engine.world;
    await poll('the definition is gone, or whole', async () => {
      const found = await client.get(CRD, quiet);
      return !found?.metadata.deletionTimestamp;
    });
    if (!(await client.get(CRD, quiet))) {
      await client.create(saved, { fieldManager: 'slipway-test' }, quiet);
    }
    await poll('it is served', isServed);
  }

  it('moves nothing, says what is missing, and has a verb that brings the route back', async () => {
    const { world, target } = engine;
    const id = await pausedCanary(engine, 'after-removal');
    await world.client.delete(CRD, {}, quiet);
    await poll('it is served no more', async () => !(await isServed()));
    const blind = await engine.told(id, 'world-unknown');
    expect(blind.reason).toMatchObject({
      code: 'world-unknown',
      message: expect.stringMatching(
        /HTTPRoute\/.* is not there any more, or the cluster does not serve its kind/,
      ),
    });
    expect((await engine.detail(id)).deployment.outcome).toBeUndefined();

    await bringBack();
    // The gateway's controller may take minutes to notice by itself.
    await control.kill('contour');
    await control.start('contour');
    // With the definition all routes were deleted: somebody has to want it back.
    const path = `services/${target.service.replace(':', '/')}/environments/${
      target.environment
    }`;
    await poll('it can be taken over', async () => {
      const answer = await engine.api<{ accepted: boolean }>(
        'POST',
        `${path}/commands`,
        { verb: 'take-over', reason: 'the route has to come back' },
      );
      return answer.accepted;
    });
    await engine.told(id, 'world-known');
    let answered = 0;
    await poll('users are answered again', async () => {
      const { status } = await world.request(target);
      answered = status === 200 ? answered + 1 : 0;
      return answered > 40;
    });
    const load = engine.load();
    expect(await engine.command(id, 'promote')).toMatchObject({
      accepted: true,
    });
    const end = await engine.ended(id);
    expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
    expectNothingTwice(end);
    await expectServed(load, 'after-removal', end);
    await expectOneGeneration(engine);
  });
});
