import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits until the attempt gives something; says what it waited for when it
 * never does. What the attempt throws counts as "not yet".
 *
 * @public
 */
export async function poll<T>(
  what: string,
  attempt: () => Promise<T | false | undefined>,
  timeoutMs = 60_000,
): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < deadlineMs) {
    try {
      const result = await attempt();
      if (result !== false && result !== undefined) {
        return result;
      }
    } catch (error) {
      last = error;
    }
    await delay(25);
  }
  throw new Error(`Waited in vain: ${what}`, { cause: last });
}
