import { InputError, isError } from '@backstage/errors';
import { OCI_MEDIA_TYPES } from './manifest';

/** */
export function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

/** */
export function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`;
}

/** */
export function mediaTypeOf(response: Response): string {
  const header = response.headers.get('content-type') ?? '';
  return header.split(';')[0].trim() || OCI_MEDIA_TYPES.manifest;
}

/** */
export function nextPage(response: Response, current: URL): URL | undefined {
  const link = response.headers.get('link');
  const match = link && /<([^>]*)>\s*;\s*rel="?next"?/.exec(link);
  if (!match) {
    return undefined;
  }
  const next = new URL(match[1], current);
  return next.origin === current.origin ? next : undefined;
}

/** */
export async function readBody(
  response: Response,
  maxBytes: number,
  where: string,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (response.body) {
    for await (const chunk of response.body) {
      size += chunk.byteLength;
      if (size > maxBytes) {
        throw new InputError(
          `${where} sends more than ${maxBytes} bytes, which is the limit here`,
        );
      }
      chunks.push(chunk);
    }
  }
  return Buffer.concat(chunks);
}

/**
 * The bytes of an answer as they come; an error when they stop coming.
 */
export async function* readWithStallLimit(
  response: Response,
  stallTimeoutMs: number,
  where: string,
): AsyncGenerator<Uint8Array> {
  if (!response.body) {
    return;
  }
  const reader = response.body.getReader();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const stalled = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(
          () =>
            reject(new Error(`${where} sent nothing for ${stallTimeoutMs} ms`)),
          stallTimeoutMs,
        );
      });
      try {
        const { done, value } = await Promise.race([reader.read(), stalled]);
        if (done) {
          return;
        }
        yield value;
      } finally {
        clearTimeout(timer);
      }
    }
  } finally {
    await reader.cancel().catch((error: unknown) => {
      // A body that failed has told its reader already.
      if (!isError(error)) {
        throw error;
      }
    });
  }
}
