import { Actor } from '@slipway/backstage-plugin-delivery-common';

/** Enough for several browsers; the tabs of one browser share a stream. */
export const DEFAULT_STREAMS_PER_USER = 8;

/** Answered with status 429. */
export class TooManyStreamsError extends Error {
  readonly name = 'TooManyStreamsError';
  readonly statusCode = 429;
}

/** Counts the open event streams of each user or machine in this backend. */
export class StreamLimit {
  readonly #perUser: number;
  readonly #open = new Map<string, number>();

  constructor(perUser: number) {
    this.#perUser = perUser;
  }

  /**
   * Returns how to leave again, which counts once however often it is called.
   *
   * Errors: `TooManyStreamsError`.
   */
  enter({ ref }: Actor): () => void {
    const open = this.#open.get(ref) ?? 0;
    if (open >= this.#perUser) {
      throw new TooManyStreamsError(
        `${ref} has ${open} event streams open, which is the limit. Close other browser windows or clients, or raise delivery.streams.perUser`,
      );
    }
    this.#open.set(ref, open + 1);
    let left = false;
    return () => {
      if (left) {
        return;
      }
      left = true;
      const rest = (this.#open.get(ref) ?? 1) - 1;
      if (rest > 0) {
        this.#open.set(ref, rest);
      } else {
        this.#open.delete(ref);
      }
    };
  }
}
