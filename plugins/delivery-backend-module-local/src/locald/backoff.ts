/** Waiting times between restarts, in milliseconds. */
export interface BackoffPolicy {
  firstMs: number;
  maxMs: number;
  /** Having run this long makes the next crash a first one again. */
  resetAfterMs: number;
}

export const DEFAULT_BACKOFF: BackoffPolicy = {
  firstMs: 500,
  maxMs: 30_000,
  resetAfterMs: 60_000,
};

/**
 * Exponential: each crash in a row doubles the wait. From the second crash in
 * a row on it is a loop and not an accident.
 */
export class Backoff {
  private crashes = 0;

  constructor(private readonly policy: BackoffPolicy = DEFAULT_BACKOFF) {}

  /** Takes note of a crash; returns how long to wait before the next start. */
  crashed(ranMs: number): number {
    this.crashes = ranMs >= this.policy.resetAfterMs ? 1 : this.crashes + 1;
    return Math.min(
      this.policy.maxMs,
      this.policy.firstMs * 2 ** (this.crashes - 1),
    );
  }

  /** Whether it keeps on crashing. */
  looping(): boolean {
    return this.crashes >= 2;
  }
}
