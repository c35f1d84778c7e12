import { StageTimeout } from './stageErrors';
import { Stage, StageContext, StageResult } from './types';

/** Rejects with the signal's reason, also when the work does not listen. */
async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) {
      onAbort();
    } else {
      signal.addEventListener('abort', onAbort, { once: true });
    }
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort) {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

/**
 * Runs a stage for as long as it may take. Whatever it throws once its signal
 * has aborted is a consequence; the signal's reason is thrown instead.
 */
export async function runStage(
  stage: Stage,
  context: Omit<StageContext, 'signal'>,
  outer: AbortSignal,
): Promise<StageResult> {
  const limitMs = context.tuning.stageLimitsMs[stage.name];
  const controller = new AbortController();
  const onOuter = () => controller.abort(outer.reason);
  if (outer.aborted) {
    throw outer.reason;
  }
  outer.addEventListener('abort', onOuter, { once: true });
  const timer = setTimeout(() => {
    controller.abort(
      new StageTimeout(
        `The stage ${stage.name} did not end within ${limitMs / 1_000} s`,
      ),
    );
  }, limitMs);
  // A process that ends need not wait for a limit.
  timer.unref();
  const { signal } = controller;
  try {
    return await untilAborted(stage.run({ ...context, signal }), signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(timer);
    outer.removeEventListener('abort', onOuter);
  }
}
