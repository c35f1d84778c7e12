import { mockServices } from '@backstage/backend-test-utils';
import {
  InstanceState,
  Observed,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';
import { FakeConnection } from '../api/__testUtils__/fakeConnection';
import {
  AddedMetricProvider,
  MetricProvider,
} from '@slipway/backstage-plugin-delivery-node';
import { addedMetrics } from './addedMetrics';
import { createConnections } from './createConnections';
import { createRetryingConnection } from './retryingConnection';

const logger = mockServices.logger.mock();
const target = { service: 'component:default/a', environment: 'staging' };

describe('connections', () => {
  it('are shared by the environments that name the same one', async () => {
    const create = jest.fn(async () => new FakeConnection());
    const abort = new AbortController();
    const connections = await createConnections({
      environments: [
        { name: 'a', connection: { type: 'fake', name: 'one' } },
        { name: 'b', connection: { type: 'fake', name: 'one' } },
        { name: 'c', connection: { type: 'fake', name: 'two' } },
      ],
      factories: [{ type: 'fake', create }],
      logger,
      signal: abort.signal,
    });
    expect(create.mock.calls).toEqual([['one'], ['two']]);
    expect(connections.get('a')).toBe(connections.get('b'));
    expect(connections.get('a')).not.toBe(connections.get('c'));
  });

  it('are unknown until they start, refuse writes, and then are what they should be', async () => {
    const actual = new FakeConnection();
    let attempts = 0;
    const abort = new AbortController();
    const connection = await createRetryingConnection({
      factory: {
        type: 'fake',
        create: async () => {
          attempts += 1;
          if (attempts < 3) {
            throw new Error('no route to the cluster');
          }
          return actual;
        },
      },
      name: 'one',
      logger,
      signal: abort.signal,
      firstRetryMs: 200,
    });
    const { signal } = abort;
    const heard: Array<Observed<InstanceState[]>> = [];
    connection.live.watch((_, state) => heard.push(state), signal);
    expect(await connection.traffic.observe(target, signal)).toMatchObject({
      unknown: expect.stringContaining('no route to the cluster'),
    });
    expect(connection.notices()).toEqual([
      'Not connected: no route to the cluster',
    ]);
    await expect(
      connection.traffic.request(target, { epoch: 1, revision: 1 }, [], signal),
    ).rejects.toMatchObject({ name: 'ServiceUnavailableError' });
    expect(() => connection.renderers).toThrow(/has not started/);

    const deadlineMs = Date.now() + 30_000;
    while (attempts < 3 && Date.now() < deadlineMs) {
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    await connection.traffic.request(
      target,
      { epoch: 1, revision: 1 },
      [],
      signal,
    );
    expect(isKnown(await connection.traffic.observe(target, signal))).toBe(
      true,
    );
    expect(connection.renderers).toEqual([]);
    actual.setInstances(target, { known: [], observedAtMs: 1, reflects: 1 });
    expect(heard).toEqual([{ known: [], observedAtMs: 1, reflects: 1 }]);
    abort.abort();
  });

  describe('with metrics of other modules', () => {
    const provider = (id: string, names: string[]): MetricProvider => ({
      id,
      metrics: () =>
        names.map(name => ({ name, unit: 'count', description: name })),
      query: async query => ({
        query: id,
        outcome: {
          type: 'no-data',
          detail: JSON.stringify(query.labels),
        },
      }),
    });
    const open = (added: AddedMetricProvider[]) => {
      const actual = Object.assign(new FakeConnection(), {
        metrics: [provider('own', ['success-rate'])],
      });
      return createConnections({
        environments: [
          { name: 'a', connection: { type: 'fake', name: 'one' } },
          { name: 'b', connection: { type: 'fake', name: 'one' } },
        ],
        factories: [
          {
            type: 'fake',
            create: async () =>
              Object.assign(actual, {
                metricLabels: async (_: unknown, generation: string) => ({
                  service: `shop-${generation}`,
                }),
              }),
          },
        ],
        metricProviders: added,
        logger,
        signal: new AbortController().signal,
      });
    };

    it('ask them first, in their environments only, with what the world calls a generation', async () => {
      const connections = await open([
        {
          environments: ['b'],
          provider: provider('prometheus', ['success-rate', 'errors']),
        },
      ]);
      const ids = (name: string) =>
        connections.get(name)?.metrics.map(({ id }) => id);
      expect(ids('a')).toEqual(['own']);
      expect(ids('b')).toEqual(['prometheus', 'own']);
      expect(connections.get('b')?.live).toBe(connections.get('a')?.live);
      expect(
        await connections.get('b')?.metrics[0].query(
          {
            target,
            generation: 'g1',
            metric: 'errors',
            fromMs: 0,
            toMs: 1,
          },
          new AbortController().signal,
        ),
      ).toMatchObject({ outcome: { detail: '{"service":"shop-g1"}' } });
    });

    it('refuse an environment that the platform does not have', async () => {
      await expect(
        open([{ environments: ['c'], provider: provider('p', ['x']) }]),
      ).rejects.toThrow(/"p" measures the environment "c".*one of a, b/);
    });

    it('let definitions name what they measure, once', () => {
      expect(
        addedMetrics([
          { environments: ['a'], provider: provider('p', ['errors']) },
          { environments: ['b'], provider: provider('q', ['errors']) },
        ]),
      ).toEqual([
        { name: 'errors', unit: 'count', description: 'errors', minSamples: 1 },
      ]);
    });
  });
});
