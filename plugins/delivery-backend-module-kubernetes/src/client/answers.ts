import { KubeUnreachableError } from './errors';
import { Transport } from './transport';
import { KubeClient } from './types';

/** A page of a list is the biggest answer that is expected. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;

type Response = Awaited<ReturnType<Transport>>;

/** Requests whose answer is read as a whole. */
export function createRaw(cluster: string, send: Transport): KubeClient['raw'] {
  return async (request, signal) => {
    const response = await send(request, signal);
    try {
      const text = await readText(response);
      // What is read is checked where it is used: an API server answers in the
      // form of the kind that was asked for.
      return (isJson(response) ? JSON.parse(text) : text) as never;
    } catch (error) {
      signal.throwIfAborted();
      throw new KubeUnreachableError(
        cluster,
        `${request.method} ${request.path}`,
        error,
      );
    }
  };
}

function isJson(response: Response): boolean {
  return /\bjson\b/.test(response.headers.get('content-type') ?? 'json');
}

/** The whole answer, unless it would fill our memory. */
async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
