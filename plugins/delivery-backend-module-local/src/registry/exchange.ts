import { IncomingMessage, ServerResponse } from 'node:http';
import { RegistryError } from './errors';

/** One request and its answer. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  method: string;
  query: URLSearchParams;
}

/** Sends a whole answer; a HEAD gets the headers alone. */
export function answer(
  { response, method }: Exchange,
  status: number,
  headers: Record<string, string | number | string[]> = {},
  body: Buffer | string = '',
): void {
  response.writeHead(status, {
    ...(status !== 204 && { 'content-length': Buffer.byteLength(body) }),
    ...headers,
  });
  response.end(method === 'HEAD' ? undefined : body);
}

/** Errors: 413 above the limit. */
export async function readRequest(
  { request }: Exchange,
  maxBytes: number,
): Promise<Buffer> {
  const tooBig = () =>
    new RegistryError(
      413,
      'SIZE_INVALID',
      `At most ${maxBytes} bytes are accepted here`,
    );
  // Refused before reading, the client gets an answer and no broken pipe.
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    throw tooBig();
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maxBytes) {
      throw tooBig();
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function notAllowed(method: string): RegistryError {
  return new RegistryError(
    405,
    'UNSUPPORTED',
    `The method ${method} is not supported here`,
  );
}

/** Where the next page of a list begins. */
export function nextLink(path: string, parameters: Record<string, string>) {
  return { link: `<${path}?${new URLSearchParams(parameters)}>; rel="next"` };
}
