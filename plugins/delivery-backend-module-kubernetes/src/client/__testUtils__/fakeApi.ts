import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKubeClient, EndpointSource } from '..';

type Handler = (
  request: http.IncomingMessage,
  response: http.ServerResponse,
) => void;

/** An API server that answers as the test says, over real HTTP. */
export async function startFakeApi() {
  const requests: Array<{ method: string; path: string; auth?: string }> = [];
  const script: Handler[] = [];
  const server = http.createServer((request, response) => {
    requests.push({
      method: request.method ?? '',
      path: request.url ?? '',
      auth: request.headers.authorization,
    });
    const handler = script.length > 1 ? script.shift() : script[0];
    handler?.(request, response);
  });
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${address.port}`;
  const fixed: EndpointSource = {
    current: async () => ({
      server: url,
      tls: {},
      headers: { Authorization: 'Bearer first' },
    }),
    renew: () => undefined,
  };
  return {
    url,
    requests,
    /** In order; the last one answers everything that follows. */
    answer(...handlers: Handler[]) {
      script.splice(0, script.length, ...handlers);
    },
    client: (
      options: { endpoint?: EndpointSource; answerLimitMs?: number } = {},
    ) => createKubeClient({ cluster: 'fake', endpoint: fixed, ...options }),
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Answers JSON. */
export function json(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): Handler {
  return (_, response) => {
    response.writeHead(status, {
      'content-type': 'application/json',
      ...headers,
    });
    response.end(JSON.stringify(body));
  };
}
