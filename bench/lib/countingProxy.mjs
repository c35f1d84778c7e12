/*
 * Stands between one client and the API server, and writes down what the client
 * asks: the API server's metrics do not tell clients apart. A watch counts once.
 */
import http from 'node:http';
import https from 'node:https';

/** `{ url, calls(), reset(), close() }`; `calls` in the order of their beginning. */
export function startCountingProxy({ url: server, caData }) {
  const agent = new https.Agent({
    keepAlive: true,
    ca: Buffer.from(caData, 'base64'),
  });
  let calls = [];
  const proxy = http.createServer((request, response) => {
    const target = new URL(request.url, server);
    const call = {
      atMs: Date.now(),
      tookMs: 0,
      verb: verbOf(request.method, target),
      path: target.pathname,
      query: target.search,
      status: 0,
    };
    calls.push(call);
    const { host, connection, ...headers } = request.headers;
    const upstream = https.request(
      target,
      { method: request.method, headers, agent },
      answer => {
        call.status = answer.statusCode;
        call.tookMs = Date.now() - call.atMs;
        response.writeHead(answer.statusCode, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.on('end', () => {
          if (call.verb !== 'WATCH') call.tookMs = Date.now() - call.atMs;
        });
        answer.on('error', () => response.destroy());
      },
    );
    upstream.on('error', error => {
      call.status = error.code ?? 'error';
      response.destroy();
    });
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  });
  return new Promise((resolve, reject) => {
    proxy.once('error', reject);
    proxy.listen(0, '127.0.0.1', () => {
      resolve({
        url: `http://127.0.0.1:${proxy.address().port}`,
        calls: () => [...calls],
        reset() {
          calls = [];
        },
        close() {
          proxy.closeAllConnections();
          agent.destroy();
          return new Promise(done => {
            proxy.close(done);
          });
        },
      });
    });
  });
}

function verbOf(method, { pathname, searchParams }) {
  if (method !== 'GET') return method;
  if (['true', '1'].includes(searchParams.get('watch'))) return 'WATCH';
  return pathname.endsWith('/log') ? 'LOG' : 'GET';
}
