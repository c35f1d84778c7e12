import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A request on its way to the API server. */
export interface ProxiedRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  body: string;
  isWatch: boolean;
  /** It would change something: no read, no dry run, no question about us. */
  isWrite: boolean;
}

/** What becomes of a request; `undefined`: it is passed on. */
export type Fault =
  /** Answered in the place of the API server, which does not hear of it. */
  | { status: number; headers?: Record<string, string>; message?: string }
  /** Passed on after a while. */
  | { delayMs: number }
  /** The connection breaks, before the API server hears of it. */
  | { breaks: 'before' }
  /** The API server does it; its answer is lost. */
  | { breaks: 'after'; onDone?: () => void }
  /** The API server is asked with this query instead. */
  | { query: Record<string, string> };

export type FaultRule = (
  request: ProxiedRequest,
) => Fault | undefined | Promise<Fault | undefined>;

/** A real HTTP hop between us and the API server, which does what it is told. */
export interface FaultProxy {
  /** Without TLS; credentials are passed on as they come. */
  url: string;
  /** Everything that was asked, in this order. */
  requests: ProxiedRequest[];
  /** In force for all requests that come from now on. */
  setRule(rule: FaultRule | undefined): void;
  /** Paths of the watches that are open. */
  streams(): string[];
  /** Streams that are open stay open and say nothing any more. */
  freezeStreams(): void;
  /** Nothing is answered any more, what is under way included. */
  cut(): void;
  close(): Promise<void>;
}

export async function openFaultProxy(to: {
  url: string;
  caData: string;
}): Promise<FaultProxy> {
  const upstream = new URL(to.url);
  const agent = new Agent({
    keepAlive: true,
    ca: Buffer.from(to.caData, 'base64'),
  });
  const requests: ProxiedRequest[] = [];
  const streams = new Set<{ path: string; isFrozen: boolean }>();
  let rule: FaultRule | undefined;
  let isCut = false;

  function pass(
    asked: ProxiedRequest,
    req: IncomingMessage,
    res: ServerResponse,
    fault: Fault | undefined,
  ) {
    const { host, connection, ...headers } = req.headers;
    const query = asked.query.size > 0 ? `?${asked.query}` : '';
    const stream = { path: asked.path, isFrozen: false };
    const forwarded = httpsRequest(
      new URL(upstream.href.replace(/\/+$/, '') + asked.path + query),
      { method: asked.method, headers, agent },
      answer => {
        if (fault && 'breaks' in fault && fault.breaks === 'after') {
          answer.resume();
          answer.on('end', () => {
            req.socket.destroy();
            fault.onDone?.();
          });
          return;
        }
        res.writeHead(answer.statusCode ?? 502, answer.headers);
        res.flushHeaders();
        if (asked.isWatch) {
          streams.add(stream);
        }
        answer.on('data', bytes => {
          if (!stream.isFrozen && !isCut) {
            res.write(bytes);
          }
        });
        answer.on('end', () => {
          if (!stream.isFrozen) {
            res.end();
          }
        });
        answer.on('error', () => {
          if (!stream.isFrozen) {
            res.destroy();
          }
        });
      },
    );
    forwarded.on('error', () => req.socket.destroy());
    res.on('close', () => {
      streams.delete(stream);
      forwarded.destroy();
    });
    forwarded.end(asked.body || undefined);
  }

  async function handle(req: IncomingMessage, res: ServerResponse) {
    const asked = await read(req);
    requests.push(asked);
    const fault = await rule?.(asked);
    if (isCut || (fault && 'breaks' in fault && fault.breaks === 'before')) {
      req.socket.destroy();
    } else if (fault && 'status' in fault) {
      refuse(res, fault);
    } else {
      if (fault && 'delayMs' in fault) {
        await delay(fault.delayMs);
      }
      if (fault && 'query' in fault) {
        for (const [name, value] of Object.entries(fault.query)) {
          asked.query.set(name, value);
        }
      }
      pass(asked, req, res, fault);
    }
  }

  const server = createServer((req, res) => {
    handle(req, res).catch(() => req.socket.destroy());
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    setRule(next) {
      rule = next;
    },
    streams: () => [...streams].map(({ path }) => path),
    freezeStreams() {
      for (const stream of streams) {
        stream.isFrozen = true;
      }
    },
    cut() {
      isCut = true;
      server.closeAllConnections();
    },
    async close() {
      isCut = true;
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      agent.destroy();
    },
  };
}

async function read(req: IncomingMessage): Promise<ProxiedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) {
    chunks.push(chunk);
  }
  const url = new URL(req.url ?? '/', 'http://proxy');
  const { method = 'GET' } = req;
  return {
    method,
    path: url.pathname,
    query: url.searchParams,
    body: Buffer.concat(chunks).toString('utf8'),
    isWatch: url.searchParams.get('watch') === 'true',
    isWrite:
      method !== 'GET' &&
      !url.searchParams.has('dryRun') &&
      !/^\/apis\/auth(?:oriz|entic)ation\.k8s\.io\//.test(url.pathname),
  };
}

/** As the API server words a refusal. */
function refuse(
  res: ServerResponse,
  { status, headers, message }: Extract<Fault, { status: number }>,
) {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(
    JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      code: status,
      message: message ?? `the fault proxy answers ${status}`,
    }),
  );
}
