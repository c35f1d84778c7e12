const POLL_MS = 150;

/**
 * Reads again until there is news, the wait is over or the client has gone;
 * answers the last reading.
 */
export async function pollUntil<T>(
  read: () => Promise<T>,
  isNews: (value: T) => boolean,
  options: { waitMs: number; signal: AbortSignal },
): Promise<T> {
  const deadlineMs = Date.now() + options.waitMs;
  let value = await read();
  while (!isNews(value) && Date.now() < deadlineMs && !options.signal.aborted) {
    await new Promise(resolve => setTimeout(resolve, POLL_MS));
    value = await read();
  }
  return value;
}
