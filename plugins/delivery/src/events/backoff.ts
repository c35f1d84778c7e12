const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/** Doubles with each failure up to 15 s; spread so that browsers do not return in step. */
export function backoffMs(failures: number, random = Math.random): number {
  const base = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return base * (0.5 + random() / 2);
}

/** Resolves after the time, or at once when the signal aborts. */
export function sleep(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const pending: { timer?: ReturnType<typeof setTimeout> } = {};
    const done = () => {
      clearTimeout(pending.timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    pending.timer = setTimeout(done, durationMs);
    signal.addEventListener('abort', done, { once: true });
  });
}
