/**
 * The promise's outcome, or the signal's reason as soon as it is aborted. What
 * the promise stands for goes on by itself.
 */
export async function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted();
  let onAbort = () => {};
  const whenAborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, whenAborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The promise's outcome, or `undefined` when it takes longer than that. */
export async function within<T>(
  durationMs: number,
  promise: Promise<T>,
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), durationMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits so long, or until the signal is aborted. */
export function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    let timer: NodeJS.Timeout | undefined = undefined;
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    timer = setTimeout(done, durationMs);
    signal.addEventListener('abort', done);
    if (signal.aborted) {
      done();
    }
  });
}

/** Resolves, with its own name, when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<'aborted'> {
  return new Promise(resolve => {
    const done = () => resolve('aborted');
    if (signal.aborted) {
      done();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
