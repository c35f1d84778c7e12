/**
 * Reads that many viewers share: one call in flight for each key, its answer
 * kept for a short time. So that a page open in a hundred browsers asks the
 * world no more often than a page open in one.
 */
export class SharedReads<T> {
  readonly #entries = new Map<string, { value: Promise<T>; untilMs: number }>();
  readonly #ttlMs: number;
  readonly #maxEntries: number;
  readonly #clock: () => number;

  constructor(options: {
    ttlMs: number;
    maxEntries: number;
    clock: () => number;
  }) {
    this.#ttlMs = options.ttlMs;
    this.#maxEntries = options.maxEntries;
    this.#clock = options.clock;
  }

  read(key: string, load: () => Promise<T>): Promise<T> {
    const nowMs = this.#clock();
    const entry = this.#entries.get(key);
    if (entry && entry.untilMs > nowMs) {
      return entry.value;
    }
    const value = load();
    this.#entries.delete(key);
    this.#entries.set(key, { value, untilMs: nowMs + this.#ttlMs });
    if (this.#entries.size > this.#maxEntries) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) {
        this.#entries.delete(oldest.value);
      }
    }
    return value;
  }
}
