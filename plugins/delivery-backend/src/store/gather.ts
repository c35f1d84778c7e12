/** Bounds how long the first one waits for the last one. */
const MOST_TOGETHER = 64;

/** What became of one of those that were done together. */
export type Settled<R> = { value: R } | { error: unknown };

interface Waiting<T, R> {
  item: T;
  resolve(value: R): void;
  reject(error: unknown): void;
}

export interface GatherOptions {
  /** Items of one lot. */
  mostTogether?: number;
  /** Lots under way at the same time; more where most of a lot is waiting. */
  lanes?: number;
}

/**
 * Does together what is asked for at the same time: while the lots are under
 * way the next one gathers. Alone, an item waits for the end of the current
 * turn of the event loop only.
 */
export function createGatherer<T, R>(
  run: (items: T[]) => Promise<Array<Settled<R>>>,
  { mostTogether = MOST_TOGETHER, lanes = 1 }: GatherOptions = {},
): (item: T) => Promise<R> {
  const queue: Array<Waiting<T, R>> = [];
  let running = 0;

  async function runLot(): Promise<void> {
    const lot = queue.splice(0, mostTogether);
    try {
      const results = await run(lot.map(({ item }) => item));
      lot.forEach(({ resolve, reject }, index) => {
        const result = results[index];
        if ('error' in result) {
          reject(result.error);
        } else {
          resolve(result.value);
        }
      });
    } catch (error) {
      lot.forEach(({ reject }) => reject(error));
    }
  }

  async function runAll(): Promise<void> {
    while (queue.length > 0) {
      await runLot();
      // Those who were told just now may ask again.
      await new Promise(resolve => setImmediate(resolve));
    }
    running -= 1;
  }

  return item =>
    new Promise<R>((resolve, reject) => {
      queue.push({ item, resolve, reject });
      if (running < lanes) {
        running += 1;
        setImmediate(() => void runAll());
      }
    });
}
