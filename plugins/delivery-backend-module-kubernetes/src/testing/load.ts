import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';

/** Every answer and every failure of a steady load, in the order of arrival. */
export interface LoadResult {
  /** The version that answered with 200. */
  versions: string[];
  /** Any other status, and requests without an answer. */
  failures: string[];
}

export interface Load {
  result: LoadResult;
  stop(): Promise<LoadResult>;
}

/**
 * Sends requests through a gateway at a steady rate, whatever becomes of the
 * ones before, and counts what came of each.
 */
export function startLoad(
  url: string,
  options: { hostname: string; everyMs?: number },
): Load {
  const { hostname, everyMs = 10 } = options;
  const agent = new Agent({ connections: 32, pipelining: 1 });
  const result: LoadResult = { versions: [], failures: [] };
  const underWay = new Set<Promise<void>>();
  let running = true;

  async function one() {
    try {
      const { statusCode, body } = await request(url, {
        dispatcher: agent,
        headers: { host: hostname },
      });
      const text = await body.text();
      if (statusCode === 200) {
        result.versions.push(JSON.parse(text).version);
      } else {
        result.failures.push(
          `${new Date().toISOString()} ${statusCode} ${text.slice(0, 200)}`,
        );
      }
    } catch (error) {
      result.failures.push(`${new Date().toISOString()} ${error}`);
    }
  }

  const ended = (async () => {
    while (running) {
      const sent = one();
      underWay.add(sent);
      sent.finally(() => underWay.delete(sent));
      await delay(everyMs);
    }
    await Promise.all(underWay);
    await agent.close();
  })();

  return {
    result,
    async stop() {
      running = false;
      await ended;
      return result;
    },
  };
}
