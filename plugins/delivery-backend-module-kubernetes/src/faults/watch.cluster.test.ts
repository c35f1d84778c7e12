import { mockServices } from '@backstage/backend-test-utils';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import { createKubeClient, KubeObject } from '../client';
import { describeOnCluster, FaultProxy, openFaultProxy } from '../testing';
import {
  EngineWorld,
  openEngineWorld,
} from '../testing/__testUtils__/engineWorld';
import { ClusterWatch, createClusterWatch } from '../watch';
import { targetLabel } from '../names';
import {
  bringFirst,
  expectNothingTwice,
  expectServed,
  objectsOf,
  pausedCanary,
  quiet,
} from './__testUtils__/canary';

jest.setTimeout(240_000);

describeOnCluster('Watches of a real API server that fail', () => {
  let engine: EngineWorld;
  beforeAll(async () => {
    engine = await openEngineWorld();
    await bringFirst(engine);
  });
  afterAll(() => engine?.close());

  /** Of the kinds that matter here. */
  async function watchesOpen(proxy: FaultProxy) {
    await poll('the watches are open', async () =>
      ['pods', 'deployments', 'services', 'httproutes'].every(kind =>
        proxy.streams().some(path => path.endsWith(`/${kind}`)),
      ),
    );
  }

  describe('as the watch itself sees it', () => {
    let proxy: FaultProxy;
    let watch: ClusterWatch;
    let client: ReturnType<typeof createKubeClient>;
    const life = new AbortController();
    const warned: string[] = [];

    beforeAll(async () => {
      const { url, caData, serviceAccountToken } = engine.world.settings;
      proxy = await openFaultProxy({ url, caData });
      const headers = { Authorization: `Bearer ${serviceAccountToken}` };
      client = createKubeClient({
        cluster: 'test',
        endpoint: {
          current: async () => ({ server: proxy.url, tls: {}, headers }),
          renew() {},
        },
      });
      const logger = mockServices.logger.mock({
        debug: message => {
          warned.push(message);
        },
        warn: message => {
          warned.push(message);
        },
        info: message => {
          warned.push(message);
        },
      });
      watch = createClusterWatch({
        cluster: { name: 'test', client },
        logger,
        // The API server sends a bookmark a minute: what is quiet for less is
        // begun again for nothing, which does no harm.
        timing: { quietMs: 5_000, openMs: 5_000 },
      });
      watch.start(life.signal);
      await poll('all is seen', async () => scaleSeen() === 2);
      await watchesOpen(proxy);
    });
    afterAll(async () => {
      life.abort();
      await client?.close();
      await proxy?.close();
    });

    function scaleSeen(): number | undefined {
      const [deployment]: Array<KubeObject & { spec?: { replicas?: number } }> =
        watch.labelled('Deployment', targetLabel(engine.target));
      return deployment?.spec?.replicas;
    }

    async function scale(replicas: number) {
      const [deployment] = await objectsOf(engine, 'apps/v1', 'Deployment');
      await engine.world.client.patch(
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          name: deployment.metadata.name,
          namespace: engine.world.namespace,
        },
        { spec: { replicas } },
        { fieldManager: 'kubectl', subresource: 'scale' },
        quiet,
      );
    }

    it('finds out that streams are dead although their connections live, and has missed nothing', async () => {
      proxy.freezeStreams();
      await scale(3);
      await poll('the change is seen', async () => scaleSeen() === 3);
      expect(warned.join('\n')).toMatch(
        /The watch of Deployment said nothing for 5000 ms/,
      );
      expect(watch.lost()).toBeUndefined();
      await scale(2);
      await poll('the next one too', async () => scaleSeen() === 2);
    });

    it('lists again when the API server has forgotten the point (410)', async () => {
      // What the API server cannot know any more: the beginning of its time.
      let gone = 0;
      proxy.setRule(({ isWatch, path }) => {
        if (isWatch && /\/deployments$/.test(path) && gone < 1) {
          gone += 1;
          return { query: { resourceVersion: '1' } };
        }
        return undefined;
      });
      const listed = () =>
        proxy.requests.filter(
          ({ isWatch, path }) => !isWatch && /\/deployments$/.test(path),
        ).length;
      const before = listed();
      await poll('the watch begins again', async () => gone === 1);
      await scale(3);
      await poll('the change is seen', async () => scaleSeen() === 3);
      await poll('it was listed', async () => listed() > before);
      expect(warned.join('\n')).toMatch(/410/);
      proxy.setRule(undefined);
      await scale(2);
      await poll('the next one too', async () => scaleSeen() === 2);
    });
  });

  it('decides and writes without them: a canary ends while no watch says a word', async () => {
    await watchesOpen(engine.proxy());
    engine.proxy().freezeStreams();
    const load = engine.load();
    const id = await pausedCanary(engine, 'unwatched');
    expect(await engine.command(id, 'promote')).toMatchObject({
      accepted: true,
    });
    const end = await engine.ended(id);
    expect(end.deployment).toMatchObject({ outcome: 'succeeded' });
    expectNothingTwice(end);
    await expectServed(load, 'unwatched', end);
  });
});
