/** @jest-environment node */
import {
  createServer,
  IncomingMessage,
  Server,
  ServerResponse,
} from 'node:http';
import { AddressInfo } from 'node:net';
import { ChangeEvent } from '../api';
import { DeliveryClient } from './DeliveryClient';

type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/** A real server on loopback, whose answers each test writes. */
function useServer() {
  let server: Server;
  let handler: Handler;
  const requests: Array<{
    method?: string;
    url?: string;
    headers: IncomingMessage['headers'];
    body: string;
  }> = [];

  beforeEach(async () => {
    requests.length = 0;
    server = createServer((req, res) => {
      let body = '';
      req.on('data', chunk => {
        body += chunk;
      });
      req.on('end', () => {
        requests.push({
          method: req.method,
          url: req.url,
          headers: req.headers,
          body,
        });
        handler(req, res);
      });
    });
    await new Promise<void>(resolve => {
      server.listen(0, '127.0.0.1', resolve);
    });
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise(resolve => {
      server.close(resolve);
    });
  });

  return {
    requests,
    answer(next: Handler) {
      handler = next;
    },
    client() {
      const { port } = server.address() as AddressInfo;
      return new DeliveryClient({
        discoveryApi: {
          getBaseUrl: async id => `http://127.0.0.1:${port}/api/${id}`,
        },
        fetchApi: {
          fetch: (url, init) =>
            fetch(url, {
              ...init,
              headers: { ...init?.headers, Authorization: 'Bearer t' },
            }),
        },
      });
    },
  };
}

function json(status: number, body: object): Handler {
  return (_req, res) => {
    res.writeHead(status, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify(body));
  };
}

async function until(condition: () => boolean) {
  const deadlineMs = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadlineMs) {
      throw new Error('The condition was not met in time');
    }
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

describe('DeliveryClient', () => {
  const server = useServer();

  it('asks the plugin with the token, and leaves out what is not given', async () => {
    server.answer(json(200, { items: [] }));
    await server.client().getTargets({ environment: 'production', limit: 10 });
    expect(server.requests[0]).toMatchObject({
      method: 'GET',
      url: '/api/delivery/v1/targets?limit=10&environment=production',
      headers: { authorization: 'Bearer t' },
    });
  });

  it('writes names into paths as one part each', async () => {
    server.answer(json(200, { commandId: '1', accepted: true, message: '' }));
    const client = server.client();
    await client.runOperation('component:default/checkout', 'a/../b', 'x?y', {
      args: { on: true },
    });
    expect(server.requests[0].url).toBe(
      '/api/delivery/v1/services/component/default/checkout/environments/a%2F..%2Fb/operations/x%3Fy',
    );
    expect(JSON.parse(server.requests[0].body)).toEqual({ args: { on: true } });
    server.answer(json(200, { items: [] }));
    expect(await client.getEnvironmentChecks('a/../b')).toEqual([]);
    expect(server.requests[1].url).toBe(
      '/api/delivery/v1/environments/a%2F..%2Fb/checks',
    );
    await expect(client.getOverview('checkout')).rejects.toThrow(
      /expected an entity ref/,
    );
  });

  it("tells the backend's error by name, status and message", async () => {
    server.answer(
      json(403, {
        error: {
          name: 'NotAllowedError',
          message: 'no delivery.target.deploy',
        },
        response: { statusCode: 403 },
      }),
    );
    const attempt = server.client().createDeployment({
      service: 'component:default/checkout',
      environment: 'production',
      releaseId: 'r1',
    });
    await expect(attempt).rejects.toMatchObject({
      name: 'ResponseError',
      statusCode: 403,
      cause: { name: 'NotAllowedError', message: 'no delivery.target.deploy' },
    });
  });
});

describe('the change stream of DeliveryClient', () => {
  const server = useServer();

  function events(items: Array<Partial<ChangeEvent>>, end: boolean): Handler {
    return (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      res.write(': open\n\n');
      for (const item of items) {
        res.write(`id: ${item.id}\ndata: ${JSON.stringify(item)}\n\n`);
      }
      if (end) {
        res.end();
      }
    };
  }

  it('comes back with the last id until the signal aborts', async () => {
    const seen: string[] = [];
    const opened: number[] = [];
    const abort = new AbortController();
    server.answer((req, res) => {
      if (server.requests.length === 1) {
        events([{ id: 'a', kind: 'release', subject: 'r' }], true)(req, res);
      } else if (server.requests.length === 2) {
        json(503, { error: { name: 'Error', message: 'down' } })(req, res);
      } else {
        events([{ id: 'b', kind: 'release', subject: 'r' }], false)(req, res);
      }
    });
    const done = server.client().streamEvents(
      {
        reconnect: true,
        services: ['component:default/a', 'component:default/b'],
        onOpen: () => opened.push(server.requests.length),
        backOff: { firstMs: 5, maxMs: 20 },
      },
      event => seen.push(event.id),
      abort.signal,
    );
    await until(() => seen.includes('b'));
    abort.abort();
    await done;

    expect(seen).toEqual(['a', 'b']);
    expect(opened).toEqual([1, 3]);
    expect(server.requests[0].headers['last-event-id']).toBeUndefined();
    expect(server.requests[0].url).toContain(
      'services=component%3Adefault%2Fa%2Ccomponent%3Adefault%2Fb',
    );
    expect(server.requests[1].headers['last-event-id']).toBe('a');
    expect(server.requests[2].headers['last-event-id']).toBe('a');
  });

  it('remembers the id of a keep-alive that carries no event', async () => {
    const abort = new AbortController();
    server.answer((_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      res.end('id: 7\n: ping\n\n');
    });
    const done = server
      .client()
      .streamEvents(
        { reconnect: true, backOff: { firstMs: 5, maxMs: 5 } },
        () => {},
        abort.signal,
      );
    await until(() => server.requests.length >= 2);
    abort.abort();
    await done;
    expect(server.requests[1].headers['last-event-id']).toBe('7');
  });

  it('ends with the stream when it shall not reconnect', async () => {
    server.answer(events([{ id: 'a', kind: 'target', subject: 't' }], true));
    const seen: string[] = [];
    await server
      .client()
      .streamEvents(
        {},
        event => seen.push(event.id),
        new AbortController().signal,
      );
    expect(seen).toEqual(['a']);
    expect(server.requests).toHaveLength(1);
  });

  it('gives up at once when it is not allowed, also when it would reconnect', async () => {
    server.answer(
      json(403, { error: { name: 'NotAllowedError', message: 'no' } }),
    );
    await expect(
      server
        .client()
        .streamEvents(
          { reconnect: true },
          () => {},
          new AbortController().signal,
        ),
    ).rejects.toMatchObject({ statusCode: 403 });
    expect(server.requests).toHaveLength(1);
  });

  it('notices a connection that has gone silent', async () => {
    const lost: Array<Error | undefined> = [];
    const abort = new AbortController();
    server.answer(events([], false));
    const done = server.client().streamEvents(
      {
        reconnect: true,
        silenceMs: 50,
        backOff: { firstMs: 5, maxMs: 5 },
        onDisconnect: error => lost.push(error),
      },
      () => {},
      abort.signal,
    );
    await until(() => lost.length > 0);
    abort.abort();
    await done;
    expect(lost[0]?.message).toMatch(/silent/);
  });
});
