import { KubeObject } from '../client';
import { TARGET_LABEL } from '../names';
import { ClusterWatch, KindStatus } from './clusterWatch';
import { createWatchedReader } from './watchedReader';

const quiet = new AbortController().signal;

function service(name: string, namespace: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } };
}

function readerOf(states: Record<string, KindStatus['status']>) {
  const watch: ClusterWatch = {
    start: () => {},
    labelled: (kind, label) =>
      kind === 'Service' && label === 'checkout-1'
        ? [service('checkout', 'shop'), service('checkout', 'elsewhere')]
        : [],
    all: () => [],
    eventsAbout: () => [],
    labels: () => [],
    lost: () => undefined,
    status: () =>
      Object.entries(states).map(([kind, status]) => ({
        apiVersion: 'v1',
        kind,
        status,
        objects: 0,
      })),
    onChange: () => () => {},
    onStatus: () => () => {},
  };
  return createWatchedReader({
    cluster: { name: 'fake', namespaceOf: async () => 'shop' },
    watch,
  });
}

describe('what the watch has, as the API would list it', () => {
  const current = { state: 'current' as const, sinceMs: 1 };
  const options = {
    namespace: 'shop',
    labelSelector: `${TARGET_LABEL}=checkout-1`,
  };

  it('is the target’s, of the one namespace', async () => {
    const { client } = readerOf({ Service: current });
    const { items } = await client.list(
      { apiVersion: 'v1', kind: 'Service' },
      options,
      quiet,
    );
    expect(items).toEqual([service('checkout', 'shop')]);
  });

  it('is not taken for nothing while a kind is not seen, and is nothing where the kind is not served', async () => {
    const { client } = readerOf({
      Service: { state: 'lost', reason: 'forbidden', sinceMs: 1 },
      HTTPRoute: { state: 'absent', sinceMs: 1 },
    });
    const list = (kind: string) =>
      client.list({ apiVersion: 'v1', kind }, options, quiet);
    await expect(list('Service')).rejects.toMatchObject({
      name: 'ServiceUnavailableError',
      message: expect.stringContaining('forbidden'),
    });
    await expect(list('Gateway')).rejects.toThrow(/is not watched/);
    expect((await list('HTTPRoute')).items).toEqual([]);
    expect(await client.resource('v1', 'HTTPRoute', quiet)).toBeUndefined();
    expect(await client.resource('v1', 'Service', quiet)).toBeDefined();
  });

  it('cannot be asked for what is not watched: another selector', async () => {
    const { client } = readerOf({ Service: current });
    await expect(
      client.list(
        { apiVersion: 'v1', kind: 'Service' },
        { namespace: 'shop', labelSelector: 'app=checkout' },
        quiet,
      ),
    ).rejects.toThrow(/slipway\.dev\/target=VALUE only/);
  });
});
