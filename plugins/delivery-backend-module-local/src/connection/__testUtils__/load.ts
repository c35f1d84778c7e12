import { setTimeout as delay } from 'node:timers/promises';

/** What came of the requests: one entry each, in the order of the answers. */
export interface LoadResult {
  versions: string[];
  failures: string[];
}

/** Asks again and again, several at a time, until it is stopped. */
export function startLoad(url: string, options: { clients: number }) {
  const result: LoadResult = { versions: [], failures: [] };
  let running = true;
  const clients = Array.from({ length: options.clients }, async () => {
    while (running) {
      try {
        const response = await fetch(url);
        const body = await response.json();
        if (response.status === 200) {
          result.versions.push(body.version);
        } else {
          result.failures.push(`${response.status} ${JSON.stringify(body)}`);
        }
      } catch (error) {
        result.failures.push(`${error}`);
      }
      await delay(1);
    }
  });
  return {
    result,
    async stop(): Promise<LoadResult> {
      running = false;
      await Promise.all(clients);
      return result;
    },
  };
}
