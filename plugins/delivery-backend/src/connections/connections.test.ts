import { mockServices } from '@backstage/backend-test-utils';
import {
  InstanceState,
  Observed,
  isKnown,
} from '@slipway/backstage-plugin-delivery-common';
import { FakeConnection } from '../api/__testUtils__/fakeConnection';
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
});
