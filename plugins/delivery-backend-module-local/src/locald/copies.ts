import http, { IncomingMessage } from 'node:http';
import { Endpoint } from './endpoint';

/** A request with a longer body is not copied: nobody waits for copies. */
const MAX_BODY = 1024 * 1024;
const ANSWER_TIMEOUT_MS = 60_000;

/** How the copy of a request ended. */
export interface CopyOutcome {
  status: number;
  latencyMs: number;
}

/**
 * Sends a copy of a request to another instance once all of it has come, and
 * throws the answer away. The request itself is not held up, whatever becomes
 * of the copy. To be called in the turn in which its body begins to flow.
 */
export function copyRequest(
  request: IncomingMessage,
  endpoint: Endpoint,
  headers: http.OutgoingHttpHeaders,
  onEnd: (outcome: CopyOutcome) => void,
): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  request.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes <= MAX_BODY) {
      parts.push(part);
    } else {
      parts.length = 0;
    }
  });
  request.on('end', () => {
    if (bytes <= MAX_BODY && endpoint.serves()) {
      send(request, endpoint, headers, Buffer.concat(parts), onEnd);
    }
  });
}

function send(
  { method, url }: IncomingMessage,
  endpoint: Endpoint,
  headers: http.OutgoingHttpHeaders,
  body: Buffer,
  onEnd: (outcome: CopyOutcome) => void,
): void {
  const startedAt = performance.now();
  endpoint.began();
  let open = true;
  const end = (status: number) => {
    if (open) {
      open = false;
      endpoint.ended();
      onEnd({ status, latencyMs: performance.now() - startedAt });
    }
  };
  const copy = http.request({
    host: '127.0.0.1',
    port: endpoint.port,
    method,
    path: url,
    agent: false,
    headers: {
      ...headers,
      ...(body.length > 0 && { 'content-length': body.length }),
    },
  });
  copy.setTimeout(ANSWER_TIMEOUT_MS, () => {
    end(504);
    copy.destroy();
  });
  copy.on('error', () => end(502));
  copy.on('response', answer => {
    answer.resume();
    answer.on('end', () => end(answer.statusCode ?? 502));
    answer.on('error', () => end(502));
  });
  copy.end(body);
}
