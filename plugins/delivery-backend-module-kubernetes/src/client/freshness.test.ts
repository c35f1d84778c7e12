import { setTimeout as delay } from 'node:timers/promises';
import { json, startFakeApi } from './__testUtils__/fakeApi';
import { Freshness } from './freshness';
import { readRecent } from '.';

const ROUTE = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
} as const;
const OTHER_VERSION = {
  ...ROUTE,
  apiVersion: 'gateway.networking.k8s.io/v1beta1',
};
const POD = { apiVersion: 'v1', kind: 'Pod' } as const;

describe('How new a list has to be', () => {
  let nowMs: number;
  let freshness: Freshness;
  beforeEach(() => {
    nowMs = 1_000_000;
    freshness = new Freshness(() => nowMs);
  });

  it('is the newest until one has been read, and again two seconds after that', () => {
    freshness.told(ROUTE, '90');
    expect(freshness.enough(ROUTE)).toBeUndefined();
    freshness.readNewest(ROUTE, '100', nowMs);
    nowMs += 1_999;
    expect(freshness.enough(ROUTE)).toBe('100');
    // What is told makes it no newer than the last time the store was asked.
    freshness.told(ROUTE, '120');
    expect(freshness.enough(ROUTE)).toBe('120');
    nowMs += 1;
    expect(freshness.enough(ROUTE)).toBeUndefined();
  });

  it('is at least what was written, read or told of the kind, in any version of it and of no other kind', () => {
    freshness.readNewest(ROUTE, '99', nowMs);
    freshness.told(OTHER_VERSION, '1000');
    freshness.told(ROUTE, '200');
    freshness.told(POD, '5000');
    expect(freshness.enough(ROUTE)).toBe('1000');
    expect(freshness.enough(POD)).toBeUndefined();
  });

  it('does not fall behind a write that was done while the list was under way', () => {
    const askedAtMs = nowMs;
    nowMs += 10;
    freshness.told(ROUTE, '105');
    freshness.readNewest(ROUTE, '100', askedAtMs);
    expect(freshness.enough(ROUTE)).toBe('105');
  });

  it('is the newest after a change of which nobody said how far it went, also when a list was under way', () => {
    freshness.readNewest(ROUTE, '100', nowMs);
    const askedAtMs = nowMs;
    nowMs += 10;
    freshness.told(ROUTE, undefined);
    expect(freshness.enough(ROUTE)).toBeUndefined();
    freshness.readNewest(ROUTE, '101', askedAtMs);
    expect(freshness.enough(ROUTE)).toBeUndefined();
    nowMs += 1;
    freshness.readNewest(ROUTE, '103', nowMs);
    expect(freshness.enough(ROUTE)).toBe('103');
  });

  it('compares no versions that are no numbers', () => {
    freshness.readNewest(ROUTE, 'abc', nowMs);
    expect(freshness.enough(ROUTE)).toBeUndefined();
    freshness.readNewest(ROUTE, '100', nowMs);
    freshness.told(ROUTE, 'abc');
    expect(freshness.enough(ROUTE)).toBeUndefined();
  });
});

describe('Lists that need not be the newest', () => {
  const quiet = new AbortController().signal;
  let api: Awaited<ReturnType<typeof startFakeApi>>;
  /** What the store of the fake is at. */
  let version: number;
  let answerList: (query: URLSearchParams) => ReturnType<typeof json>;

  beforeEach(async () => {
    api = await startFakeApi();
    version = 100;
    answerList = () =>
      json(200, { metadata: { resourceVersion: `${version}` }, items: [] });
    api.answer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', api.url);
      if (pathname === '/api/v1') {
        const verbs = ['list'];
        return json(200, {
          resources: [{ name: 'pods', kind: 'Pod', namespaced: true, verbs }],
        })(request, response);
      }
      if (request.method === 'GET') {
        return answerList(searchParams)(request, response);
      }
      if (request.method === 'DELETE') {
        return json(200, { kind: 'Status', status: 'Success' })(
          request,
          response,
        );
      }
      version += 1;
      return json(200, {
        kind: 'Pod',
        metadata: { name: 'till', resourceVersion: `${version}` },
      })(request, response);
    });
  });
  afterEach(() => api.close());

  /** The resourceVersions that lists asked for, `newest` for those without. */
  const asked = () =>
    api.requests
      .filter(({ method, path }) => method === 'GET' && path.includes('/pods'))
      .map(({ path }) => {
        const query = new URL(path, api.url).searchParams;
        return query.has('resourceVersionMatch')
          ? `${query.get('resourceVersionMatch')} ${query.get(
              'resourceVersion',
            )}`
          : query.get('resourceVersion') ?? 'newest';
      });
  const pod = {
    ...POD,
    metadata: { name: 'till', namespace: 'shop' },
  };
  const by = { fieldManager: 'slipway' };

  it('hold what was written before, and those that are not asked to be so are the newest', async () => {
    const client = api.client();
    const recent = readRecent(client);
    await recent.list(POD, { namespace: 'shop' }, quiet);
    await recent.list(POD, { namespace: 'shop' }, quiet);
    await client.apply(pod, by, quiet);
    await recent.list(POD, { namespace: 'shop' }, quiet);
    await recent.list(POD, { namespace: 'till' }, quiet);
    await client.list(POD, { namespace: 'shop' }, quiet);
    await client.apply(pod, { ...by, dryRun: true }, quiet);
    await recent.list(POD, { namespace: 'shop' }, quiet);
    expect(asked()).toEqual([
      'newest',
      'NotOlderThan 100',
      'NotOlderThan 101',
      'NotOlderThan 101',
      'newest',
      'NotOlderThan 101',
    ]);
  });

  it('are the newest after something was deleted', async () => {
    const recent = readRecent(api.client());
    await recent.list(POD, { namespace: 'shop' }, quiet);
    // A clock's tick later, so that the list was asked for before.
    await delay(2);
    await recent.delete({ ...POD, ...pod.metadata }, {}, quiet);
    await recent.list(POD, { namespace: 'shop' }, quiet);
    expect(asked()).toEqual(['newest', 'newest']);
  });

  it('ask for the resourceVersion on the first page only', async () => {
    const recent = readRecent(api.client());
    await recent.list(POD, { namespace: 'shop' }, quiet);
    answerList = query =>
      json(200, {
        metadata: query.has('continue')
          ? { resourceVersion: '100' }
          : { resourceVersion: '100', continue: 'more' },
        items: [{ metadata: { name: query.get('continue') ?? 'first' } }],
      });
    const { items } = await recent.list(POD, { namespace: 'shop' }, quiet);
    expect(items.map(({ metadata }) => metadata.name)).toEqual([
      'first',
      'more',
    ]);
    expect(asked()).toEqual(['newest', 'NotOlderThan 100', 'newest']);
  });

  it('are the newest where the store was restored to an earlier day', async () => {
    const recent = readRecent(api.client());
    await recent.list(POD, { namespace: 'shop' }, quiet);
    version = 40;
    answerList = query =>
      query.has('resourceVersion')
        ? json(504, {
            kind: 'Status',
            reason: 'Timeout',
            message: 'Too large resource version: 100, current: 40',
            details: {
              retryAfterSeconds: 1,
              causes: [{ reason: 'ResourceVersionTooLarge' }],
            },
          })
        : json(200, { metadata: { resourceVersion: '40' }, items: [] });
    await delay(2);
    expect(
      (await recent.list(POD, { namespace: 'shop' }, quiet)).resourceVersion,
    ).toBe('40');
    await delay(2);
    answerList = () =>
      json(200, { metadata: { resourceVersion: '40' }, items: [] });
    await recent.list(POD, { namespace: 'shop' }, quiet);
    expect(asked()).toEqual([
      'newest',
      'NotOlderThan 100',
      'newest',
      'NotOlderThan 40',
    ]);
  });

  it('fail as any other list does for every other reason', async () => {
    const recent = readRecent(api.client());
    await recent.list(POD, { namespace: 'shop' }, quiet);
    answerList = () => json(504, { kind: 'Status', reason: 'Timeout' });
    await expect(
      recent.list(POD, { namespace: 'shop' }, quiet),
    ).rejects.toMatchObject({ status: 504 });
    expect(asked()).toHaveLength(2);
  });
});
