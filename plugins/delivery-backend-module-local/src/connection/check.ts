import { isError } from '@backstage/errors';
import { ConnectionCheck } from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  RegistryAccess,
} from '@slipway/backstage-plugin-delivery-node';
import { LocaldClient } from './client';

/**
 * What this machine has to give: the runtime, and the registry that it pulls
 * from. It is the same for every service.
 */
export function createCheck(
  client: LocaldClient,
  registry: RegistryAccess,
): NonNullable<Connection['check']> {
  return async (_of, signal) =>
    Promise.all([
      lookedAt(
        {
          id: 'runtime',
          title: 'slipway-locald answers',
          fix: 'Read locald/locald.log in the data folder (delivery.local.dataDirectory).',
        },
        signal,
        async () => {
          const { pid } = await client.call<{ pid: number }>({
            method: 'GET',
            path: ['health'],
            signal,
          });
          return `Process ${pid} runs the services with Node ${process.versions.node}`;
        },
      ),
      lookedAt(
        {
          id: 'registry',
          title: `The registry ${registry.host} answers`,
          fix: 'Check delivery.registry, or delivery.local.registry where the embedded one is used.',
        },
        signal,
        () => askRegistry(registry, signal),
      ),
    ]);
}

/** Images are pulled with credentials; that it asks for them is an answer. */
async function askRegistry(
  { url }: RegistryAccess,
  signal: AbortSignal,
): Promise<string> {
  const response = await fetch(new URL('/v2/', url), { signal });
  await response.body?.cancel();
  if (!response.ok && response.status !== 401) {
    throw new Error(
      `Expected 200 or 401 from ${url}/v2/, found ${response.status}`,
    );
  }
  return response.ok ? 'Images can be pulled' : 'It asks for credentials';
}

/** What does not answer is missing; only a signal that has ended is an error. */
async function lookedAt(
  { fix, ...named }: Pick<ConnectionCheck, 'id' | 'title' | 'fix'>,
  signal: AbortSignal,
  look: () => Promise<string>,
): Promise<ConnectionCheck> {
  try {
    return { ...named, status: 'ok', message: await look() };
  } catch (error) {
    signal.throwIfAborted();
    return { ...named, status: 'missing', message: messageOf(error), fix };
  }
}

/** `fetch` says what was wrong in its cause. */
function messageOf(error: unknown): string {
  if (!isError(error)) {
    return String(error);
  }
  const { cause } = error;
  return isError(cause) ? `${error.message}: ${cause.message}` : error.message;
}
