/** Changes of one target within this time are told as one. */
const GATHER_MS = 20;
/** Some causes are known by time only: what is not well and not explained is looked at again. */
const LOOK_AGAIN_MS = 5_000;

/** When which targets are looked at. */
export interface Gathering {
  /** Soon, together with what else changes meanwhile. */
  mark(labels: Iterable<string>): void;
  /** Also without a change. */
  lookAgain(label: string): void;
}

/** Calls `look` with each label that was marked; ends with the signal. */
export function createGathering(
  look: (label: string) => void,
  signal: AbortSignal,
): Gathering {
  const dirty = new Set<string>();
  const unexplained = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let again: NodeJS.Timeout | undefined;

  function flush() {
    timer = undefined;
    if (signal.aborted) {
      return;
    }
    const labels = [...dirty];
    dirty.clear();
    labels.forEach(look);
    if (unexplained.size > 0) {
      again ??= setTimeout(() => {
        again = undefined;
        const labelsAgain = [...unexplained];
        unexplained.clear();
        mark(labelsAgain);
      }, LOOK_AGAIN_MS);
    }
  }

  function mark(labels: Iterable<string>) {
    for (const label of labels) {
      dirty.add(label);
    }
    if (dirty.size > 0 && !signal.aborted) {
      timer ??= setTimeout(flush, GATHER_MS);
    }
  }

  signal.addEventListener(
    'abort',
    () => {
      clearTimeout(timer);
      clearTimeout(again);
    },
    { once: true },
  );
  return {
    mark,
    lookAgain: label => {
      unexplained.add(label);
    },
  };
}
