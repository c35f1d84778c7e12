import { setTimeout as delay } from 'node:timers/promises';
import { KubeApiError, KubeUnreachableError } from '.';
import { json, startFakeApi } from './__testUtils__/fakeApi';

// On a busy machine 128 MB alone take seconds.
jest.setTimeout(60_000);

const { signal } = new AbortController();
const version = { method: 'GET' as const, path: '/version' };
const pods = { apiVersion: 'v1', kind: 'Pod' };
const kinds = json(200, {
  resources: [{ name: 'pods', kind: 'Pod', namespaced: true, verbs: ['list'] }],
});

describe('A client of a cluster that misbehaves', () => {
  let api: Awaited<ReturnType<typeof startFakeApi>>;
  beforeEach(async () => {
    api = await startFakeApi();
  });
  afterEach(async () => {
    await api.close();
  });

  it('waits as long as 429 asks for, a few times, and then says so', async () => {
    const busy = json(
      429,
      { kind: 'Status', reason: 'TooManyRequests', message: 'later' },
      { 'retry-after': '0' },
    );
    api.answer(busy, busy, json(200, { gitVersion: 'v1.37.2' }));
    const client = api.client();
    expect(await client.raw(version, signal)).toEqual({
      gitVersion: 'v1.37.2',
    });
    expect(api.requests).toHaveLength(3);
    api.answer(busy);
    await expect(client.raw(version, signal)).rejects.toMatchObject({
      name: 'KubeApiError',
      status: 429,
      message:
        'Cluster fake refused GET /version with 429 TooManyRequests: later',
    });
    expect(api.requests).toHaveLength(7);
  });

  it('does not wait longer for a 429 than those who ask have time', async () => {
    api.answer(json(429, { message: 'much later' }, { 'retry-after': '10' }));
    await expect(api.client().raw(version, signal)).rejects.toMatchObject({
      status: 429,
      message: expect.stringContaining('much later'),
    });
    expect(api.requests).toHaveLength(1);
  });

  it('stops waiting for a 429 when nobody wants the answer any more', async () => {
    api.answer(json(429, {}, { 'retry-after': '2' }));
    const abort = new AbortController();
    const wanted = api
      .client()
      .raw(version, abort.signal)
      .catch((error: unknown) => error);
    while (api.requests.length === 0) {
      await delay(5);
    }
    abort.abort(new Error('enough'));
    expect(await wanted).toMatchObject({ message: 'enough' });
    expect(api.requests).toHaveLength(1);
  });

  it('asks once more for what a server with a hiccup was to read, and passes on what it says then', async () => {
    const broken: Parameters<typeof api.answer>[0] = (_, response) => {
      response.writeHead(503, { 'content-type': 'text/html' });
      response.end(`<html>no backend${'!'.repeat(10_000)}</html>`);
    };
    api.answer(broken, json(200, { gitVersion: 'v1.37.2' }));
    const client = api.client();
    expect(await client.raw(version, signal)).toEqual({
      gitVersion: 'v1.37.2',
    });
    expect(api.requests).toHaveLength(2);
    api.answer(broken);
    await expect(client.raw(version, signal)).rejects.toMatchObject({
      status: 503,
      message: expect.stringMatching(/^.{50,400}$/),
    });
    expect(api.requests).toHaveLength(4);
  });

  it('writes once, whatever the answer, and waits no longer than is asked of it', async () => {
    api.answer(json(503, { message: 'no backend' }));
    const client = api.client();
    await expect(
      client.raw({ method: 'PATCH', path: '/version', body: {} }, signal),
    ).rejects.toMatchObject({ status: 503 });
    expect(api.requests).toHaveLength(1);
    api.answer(json(503, { message: 'later' }, { 'retry-after': '10' }));
    await expect(client.raw(version, signal)).rejects.toMatchObject({
      status: 503,
    });
    expect(api.requests).toHaveLength(2);
  });

  it('asks for credentials anew when they are refused, once', async () => {
    const tokens = ['old', 'new'];
    let asked = 0;
    const endpoint = {
      current: async () => ({
        server: api.url,
        tls: {},
        headers: { Authorization: `Bearer ${tokens[asked]}` },
      }),
      renew: () => {
        asked = 1;
      },
    };
    api.answer((request, response) =>
      json(request.headers.authorization === 'Bearer new' ? 200 : 401, {
        reason: 'Unauthorized',
      })(request, response),
    );
    const client = api.client({ endpoint });
    await client.raw(version, signal);
    expect(api.requests.map(({ auth }) => auth)).toEqual([
      'Bearer old',
      'Bearer new',
    ]);
    api.answer(json(401, { reason: 'Unauthorized' }));
    await expect(client.raw(version, signal)).rejects.toMatchObject({
      status: 401,
    });
    expect(api.requests).toHaveLength(4);
  });

  it('never follows a redirect with its credentials', async () => {
    api.answer((_, response) => {
      response.writeHead(302, { location: `${api.url}/elsewhere` });
      response.end();
    });
    await expect(api.client().raw(version, signal)).rejects.toBeInstanceOf(
      KubeUnreachableError,
    );
    expect(api.requests.map(({ path }) => path)).toEqual(['/version']);
  });

  it.each([
    ['says nothing', () => undefined],
    [
      'stops in the middle',
      (_: unknown, response: { write: (text: string) => void }) => {
        response.write('{"half":');
      },
    ],
  ])('gives up on an answer that %s', async (_, handler) => {
    api.answer(handler);
    const client = api.client({ answerLimitMs: 200 });
    await expect(client.raw(version, signal)).rejects.toBeInstanceOf(
      KubeUnreachableError,
    );
    await client.close();
  });

  it('knows a cut answer from a whole one', async () => {
    api.answer((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"items":[]');
      setImmediate(() => response.destroy());
    });
    await expect(api.client().raw(version, signal)).rejects.toBeInstanceOf(
      KubeUnreachableError,
    );
  });

  it('does not take for JSON what is none, and gives text as text', async () => {
    api.answer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('<html>sign in</html>');
    });
    await expect(api.client().raw(version, signal)).rejects.toThrow(
      /^Cluster fake did not answer GET \/version: /,
    );
    api.answer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.end('ok');
    });
    expect(await api.client().raw(version, signal)).toBe('ok');
  });

  it('does not let an endless answer fill the memory', async () => {
    let sent = 0;
    const chunk = Buffer.alloc(1024 * 1024, 0x20);
    api.answer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = () => {
        while (!response.destroyed && response.write(chunk)) {
          sent += chunk.length;
        }
      };
      response.on('drain', more);
      more();
    });
    await expect(api.client().raw(version, signal)).rejects.toThrow(
      /more than 134217728 bytes/,
    );
    expect(sent).toBeLessThan(512 * 1024 * 1024);
  });

  it('tells a broken watch from one that the server has ended, and 410 from both', async () => {
    const events: string[] = [];
    const watch = () =>
      api
        .client()
        .watch(
          pods,
          { resourceVersion: '1' },
          event => events.push(event.type),
          signal,
        );
    const line = (type: string, object: object) =>
      `${JSON.stringify({ type, object })}\n`;
    const added = line('ADDED', { metadata: { name: 'a' } });

    api.answer(kinds, (_, response) => response.end(added));
    await watch();
    expect(events).toEqual(['ADDED']);

    api.answer(kinds, (_, response) => {
      response.write(added);
      setTimeout(() => response.destroy(), 20);
    });
    await expect(watch()).rejects.toBeInstanceOf(KubeUnreachableError);

    api.answer(kinds, (_, response) =>
      response.end(line('ERROR', { code: 410, reason: 'Expired' })),
    );
    const gone = await watch().catch((error: unknown) => error);
    expect(gone).toBeInstanceOf(KubeApiError);
    expect(gone).toMatchObject({ status: 410 });

    api.answer(kinds, (_, response) => response.end('{"type":"ADD'));
    await expect(watch()).rejects.toBeInstanceOf(KubeUnreachableError);
  });

  it('ends everything that is under way when it is closed', async () => {
    api.answer(kinds, (_, response) => {
      response.writeHead(200);
      response.flushHeaders();
    });
    const client = api.client();
    let opened: () => void = () => undefined;
    const open = new Promise<void>(resolve => {
      opened = resolve;
    });
    const watching = client
      .watch(
        pods,
        { resourceVersion: '1', onOpen: opened },
        () => undefined,
        signal,
      )
      .catch((error: unknown) => error);
    await open;
    await client.close();
    expect(await watching).toBeInstanceOf(KubeUnreachableError);
    await client.close();
    await expect(client.raw(version, signal)).rejects.toThrow(
      /the client was closed/,
    );
  });
});
