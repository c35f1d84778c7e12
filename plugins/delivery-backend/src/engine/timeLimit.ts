/** A call that did not answer in time. */
export class TimeLimitError extends Error {
  readonly name = 'TimeLimitError';
}

/**
 * Runs a call with a time limit. Returns at the limit even when the call does
 * not listen to its signal; what it does later goes unheard, which is safe
 * because every write of ours is idempotent and fenced.
 */
export async function withTimeLimit<T>(
  what: string,
  limitMs: number,
  parent: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent.throwIfAborted();
  const controller = new AbortController();
  return await new Promise<T>((resolve, reject) => {
    const end = (error: Error) => {
      controller.abort(error);
      reject(error);
    };
    const timer = setTimeout(
      () => end(new TimeLimitError(`${what} did not answer in ${limitMs} ms`)),
      limitMs,
    );
    const onAbort = () =>
      end(
        parent.reason instanceof Error
          ? parent.reason
          : new Error(`${what} was interrupted`),
      );
    parent.addEventListener('abort', onAbort, { once: true });
    const clear = () => {
      clearTimeout(timer);
      parent.removeEventListener('abort', onAbort);
    };
    // A call that throws at once is a call that fails.
    Promise.resolve()
      .then(() => call(controller.signal))
      .then(resolve, reject)
      .finally(clear);
    controller.signal.addEventListener('abort', clear, { once: true });
  });
}
