/** Tokens that are asked for before each request, and kept while they are good. */
export interface TokenSource {
  current(): Promise<string>;
  /** It was refused: the next `current` fetches another one. */
  renew(): void;
}

/** A token, and until when it may be used. */
export interface FetchedToken {
  token: string;
  expiresAtMs: number;
}

/** Renewed this long before its end, so that none expires on the way. */
const MARGIN_MS = 60_000;

/**
 * Keeps a fetched token until shortly before its end. Whoever asks meanwhile
 * waits for the same fetch.
 */
export function cachedTokens(
  fetchToken: () => Promise<FetchedToken>,
): TokenSource {
  let kept: { fetched: Promise<FetchedToken>; untilMs: number } | undefined;

  async function fetchInto(): Promise<FetchedToken> {
    const fetched = fetchToken();
    const mine = { fetched, untilMs: Infinity };
    kept = mine;
    try {
      mine.untilMs = (await fetched).expiresAtMs - MARGIN_MS;
      return await fetched;
    } catch (error) {
      if (kept === mine) {
        kept = undefined;
      }
      throw error;
    }
  }

  return {
    async current() {
      const token =
        kept && kept.untilMs > Date.now() ? kept.fetched : fetchInto();
      return (await token).token;
    },
    renew() {
      kept = undefined;
    },
  };
}
