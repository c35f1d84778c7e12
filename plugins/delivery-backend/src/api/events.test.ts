import { createServer } from 'node:http';
import { AddressInfo } from 'node:net';
import { mockCredentials } from '@backstage/backend-test-utils';
import {
  AuthorizeResult,
  PolicyDecision,
} from '@backstage/plugin-permission-common';
import {
  ChangeEvent,
  DeliveryClient,
} from '@slipway/backstage-plugin-delivery-common';
import { poll } from '@slipway/backstage-plugin-delivery-node/testing';
import request from 'supertest';
import {
  BILLING,
  CHECKOUT,
  TestApi,
  releaseRow,
} from './__testUtils__/testApi';
import {
  DATABASES,
  DENY,
  machine,
  policy,
  useApis,
} from './__testUtils__/useApis';

jest.setTimeout(120_000);

describe.each(DATABASES)('events, on %s', database => {
  const openApi = useApis(database);

  async function serve(api: TestApi) {
    const server = createServer(api.app);
    await new Promise<void>(resolve => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      client: new DeliveryClient({
        discoveryApi: { getBaseUrl: async () => `http://127.0.0.1:${port}` },
        fetchApi: { fetch: (url, init) => fetch(url, init) },
      }),
      close: async () => {
        server.closeAllConnections();
        await new Promise(resolve => {
          server.close(resolve);
        });
      },
    };
  }

  async function until(condition: () => boolean) {
    const deadlineMs = Date.now() + 30_000;
    while (!condition()) {
      if (Date.now() > deadlineMs) {
        throw new Error('The condition was not met in time');
      }
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  }

  it('tells what changed, resumes after the last id, and misses nothing between', async () => {
    const api = await openApi({ keepAliveMs: 50 });
    const { client, close } = await serve(api);
    const seen: ChangeEvent[] = [];
    let open = false;
    const first = new AbortController();
    const watching = client.streamEvents(
      {
        onOpen: () => {
          open = true;
        },
      },
      event => seen.push(event),
      first.signal,
    );
    await until(() => open);
    await api.store.releases.create(releaseRow({ id: 'r1' }));
    await until(() => seen.some(event => event.subject === 'r1'));
    first.abort();
    await watching;

    await api.store.releases.create(releaseRow({ id: 'r2' }));
    api.connection.setInstances(
      { service: CHECKOUT, environment: 'staging' },
      { known: [], observedAtMs: 1, reflects: 0 },
    );
    const again: ChangeEvent[] = [];
    const second = new AbortController();
    const resumed = client.streamEvents(
      { lastEventId: seen[seen.length - 1].id },
      event => again.push(event),
      second.signal,
    );
    await until(
      () =>
        again.some(event => event.subject === 'r2') &&
        again.some(event => event.kind === 'instances'),
    );
    second.abort();
    await resumed;
    expect(again.map(event => event.subject)).not.toContain('r1');
    expect(again.find(event => event.kind === 'instances')).toMatchObject({
      subject: `${CHECKOUT}@staging`,
      instances: { known: [] },
    });
    await close();
  });

  it('sends the headers that keep proxies from holding it back, and keep-alives', async () => {
    const api = await openApi({ keepAliveMs: 20 });
    const { url, close } = await serve(api);
    const response = await fetch(`${url}/v1/events`);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('cache-control')).toContain('no-transform');
    const reader = response.body?.getReader();
    let text = '';
    while (!text.includes(': ping')) {
      const part = await reader?.read();
      text += Buffer.from(part?.value ?? []).toString();
    }
    await reader?.cancel();
    await close();
  });

  it('gives each user so many streams and refuses one more, saying what to do', async () => {
    const api = await openApi({ streamsPerUser: 2, keepAliveMs: 20 });
    const { url, close } = await serve(api);
    const aborts: AbortController[] = [];
    const open = (headers: Record<string, string> = {}) => {
      const abort = new AbortController();
      aborts.push(abort);
      return fetch(`${url}/v1/events`, { signal: abort.signal, headers });
    };
    expect((await open()).status).toBe(200);
    expect((await open()).status).toBe(200);
    const refused = await open();
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({
      error: {
        name: 'TooManyStreamsError',
        message: expect.stringMatching(
          /user:default\/mock has 2 event streams open.*delivery\.streams\.perUser/,
        ),
      },
    });
    expect((await fetch(`${url}/v1/events.json`)).status).toBe(429);
    // Others have their own.
    const other = mockCredentials.user.header('user:default/ada');
    expect((await open({ authorization: other })).status).toBe(200);
    // Whoever closes one may open another.
    aborts[0].abort();
    const deadlineMs = Date.now() + 30_000;
    let again = await open();
    while (again.status === 429 && Date.now() < deadlineMs) {
      await again.body?.cancel();
      again = await open();
    }
    expect(again.status).toBe(200);
    aborts.forEach(abort => abort.abort());
    await close();
  });

  it('ends when the token does', async () => {
    const api = await openApi({ tokenExpiresAt: new Date(Date.now() + 300) });
    const { client, close } = await serve(api);
    let open = false;
    // Resolves only when the server ends the stream.
    await client.streamEvents(
      {
        onOpen: () => {
          open = true;
        },
      },
      () => {},
      new AbortController().signal,
    );
    expect(open).toBe(true);
    await close();
  });

  it('asks for the permissions again, and is silent when they are gone', async () => {
    const decisions: Record<string, PolicyDecision> = {};
    const api = await openApi({
      permissions: policy(decisions),
      recheckMs: 0,
      keepAliveMs: 20,
    });
    const { client, close } = await serve(api);
    const seen: ChangeEvent[] = [];
    const abort = new AbortController();
    let open = false;
    const watching = client.streamEvents(
      {
        onOpen: () => {
          open = true;
        },
      },
      event => seen.push(event),
      abort.signal,
    );
    await until(() => open);
    await api.store.releases.create(releaseRow({ id: 'r1' }));
    await until(() => seen.some(event => event.subject === 'r1'));
    decisions['delivery.service.read'] = DENY;
    await api.store.releases.create(releaseRow({ id: 'r2' }));
    // Comes after it in the feed, and targets may still be seen.
    await api.store.targets.setHold(
      { service: CHECKOUT, environment: 'staging' },
      {
        by: { type: 'user', ref: 'user:default/mock' },
        sinceMs: 1,
        reason: 'wait',
      },
    );
    await until(() => seen.some(event => event.kind === 'target'));
    decisions['delivery.service.read'] = { result: AuthorizeResult.ALLOW };
    await api.store.releases.create(releaseRow({ id: 'r3' }));
    await until(() => seen.some(event => event.subject === 'r3'));
    expect(seen.map(event => event.subject)).not.toContain('r2');
    abort.abort();
    await watching;
    await close();
  });

  it('has the same news as JSON, for who cannot stream', async () => {
    const api = await openApi();
    const { body: start } = await request(api.app)
      .get('/v1/events.json')
      .expect(200);
    expect(start.items).toEqual([]);
    await api.store.releases.create(releaseRow({ id: 'r1' }));
    const { body } = await request(api.app)
      .get(
        `/v1/events.json?waitMs=20000&after=${encodeURIComponent(start.next)}`,
      )
      .expect(200);
    expect(body.items).toMatchObject([{ kind: 'release', subject: 'r1' }]);
    const { body: foreign } = await request(api.app)
      .get('/v1/events.json?after=nonsense')
      .expect(200);
    expect(foreign.items).toMatchObject([{ kind: 'reset' }]);
  });

  it('tells only of services that the caller may see', async () => {
    const api = await openApi({
      machines: [{ subject: 'ci', services: [BILLING], verbs: ['read'] }],
    });
    const events = (after: string) =>
      request(api.app)
        .get(`/v1/events.json?waitMs=1000&after=${encodeURIComponent(after)}`)
        .set('authorization', machine('external:ci'))
        .expect(200);
    const { body: start } = await request(api.app).get('/v1/events.json');
    await api.store.releases.create(releaseRow({ id: 'r1' }));
    await api.store.releases.create(releaseRow({ id: 'r2', service: BILLING }));
    // Other databases of a PostgreSQL server may keep the news back for a while.
    const seen: string[] = [];
    let after: string = start.next;
    await poll('the release of the other service', async () => {
      const { body } = await events(after);
      seen.push(...body.items.map((event: ChangeEvent) => event.subject));
      after = body.next;
      return seen.includes('r2');
    });
    expect(seen).toEqual(['r2']);
  });
});
