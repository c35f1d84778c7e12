import { setImmediate as turn } from 'node:timers/promises';
import { json, startFakeApi } from './__testUtils__/fakeApi';
import { shareLists } from '.';

const PODS = { apiVersion: 'v1', kind: 'Pod' };
const CORE = {
  resources: [{ name: 'pods', kind: 'Pod', namespaced: true, verbs: ['list'] }],
};

describe('A look at a target from several sides', () => {
  let api: Awaited<ReturnType<typeof startFakeApi>>;
  beforeEach(async () => {
    api = await startFakeApi();
    api.answer((request, response) =>
      json(
        200,
        request.url === '/api/v1'
          ? CORE
          : {
              metadata: { resourceVersion: '7' },
              items: [{ metadata: { name: 'till' } }],
            },
      )(request, response),
    );
  });
  afterEach(() => api.close());

  const listsOf = () =>
    api.requests.filter(({ path }) => path.includes('/pods'));

  it('is one request for what all of them ask in the same words, and none for what was asked before', async () => {
    const client = shareLists(api.client());
    const { signal } = new AbortController();
    const options = { namespace: 'shop', labelSelector: 'a=b' };
    const answers = await Promise.all([
      client.list(PODS, options, signal),
      client.list(PODS, options, signal),
      client.list(PODS, { ...options, labelSelector: 'a=c' }, signal),
    ]);
    expect(answers.map(({ items }) => items[0].metadata.name)).toEqual([
      'till',
      'till',
      'till',
    ]);
    expect(listsOf()).toHaveLength(2);
    // Whoever has written in between must not get what was read before.
    await turn();
    await client.list(PODS, options, signal);
    expect(listsOf()).toHaveLength(3);
  });

  it('goes on for the others when one of them gives up', async () => {
    const client = shareLists(api.client());
    const impatient = new AbortController();
    const options = { namespace: 'shop' };
    const first = client.list(PODS, options, impatient.signal);
    const second = client.list(PODS, options, new AbortController().signal);
    impatient.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect((await second).items).toHaveLength(1);
    await turn();
    const alone = new AbortController();
    const third = client.list(PODS, options, alone.signal);
    alone.abort(new Error('enough'));
    await expect(third).rejects.toThrow('enough');
  });
});
