import http, { IncomingMessage } from 'node:http';

/** Of one connection, and not of the request. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What of a message's headers is passed on. */
export function forwardable(headers: http.IncomingHttpHeaders) {
  const named = new Set(
    (headers.connection ?? '')
      .split(',')
      .map(name => name.trim().toLowerCase()),
  );
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !HOP_BY_HOP.has(name) && !named.has(name),
    ),
  );
}

/** What an instance gets: also whom the request came from. */
export function requestHeaders(request: IncomingMessage) {
  return {
    ...forwardable(request.headers),
    'x-forwarded-for': [
      request.headers['x-forwarded-for'],
      request.socket.remoteAddress,
    ]
      .filter(Boolean)
      .join(', '),
    'x-forwarded-proto': 'http',
  };
}
