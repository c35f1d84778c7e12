import { isOlder } from './resourceVersion';

/** For so long the newest state that was read may stand in for the newest there is. */
const RECENT_MS = 2_000;

interface Kind {
  apiVersion: string;
  kind: string;
}

interface Known {
  /** The newest that we were told of, by whatever way. */
  version?: string;
  /** When the last list that had to be the newest was asked for. */
  newestAtMs: number;
  /** Lists that were asked for before this may be too old. */
  forgottenAtMs: number;
}

/**
 * How new a list of a kind has to be.
 *
 * A list without a resourceVersion is as new as the store itself. The API server
 * answers it from its watch cache, and where a kind is quiet it first waits for
 * the store to say how far it is, which happens each 100 ms (KEP-2340): 60 ms
 * for most of the lists of a rollout. A list "not older than" what we know
 * waits for nothing.
 *
 * Known is what we read, wrote and were told by watches: nobody reads the world
 * of before his own write, or of before the change that woke him. What others
 * did is seen as soon as the API server's cache has it, and for at most two
 * seconds an API server is believed that has lost its store.
 */
export class Freshness {
  readonly #known = new Map<string, Known>();
  readonly #clock: () => number;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock();
  }

  /** Not older than this will do; `undefined`: only the newest will. */
  enough(kind: Kind): string | undefined {
    const { version, newestAtMs } = this.#of(kind);
    return this.now() - newestAtMs < RECENT_MS ? version : undefined;
  }

  /** What a list answered that had to be the newest. */
  readNewest(kind: Kind, version: string, askedAtMs: number): void {
    const known = this.#of(kind);
    if (isComparable(version) && askedAtMs > known.forgottenAtMs) {
      known.newestAtMs = Math.max(known.newestAtMs, askedAtMs);
      this.told(kind, version);
    }
  }

  /** The kind has got at least so far. */
  told(kind: Kind, version: string | undefined): void {
    if (version === undefined || !isComparable(version)) {
      this.forget(kind);
      return;
    }
    const known = this.#of(kind);
    if (known.version === undefined || isOlder(known.version, version)) {
      known.version = version;
    }
  }

  /** It has changed, who knows how far; or what we know is of another store. */
  forget(kind: Kind): void {
    const known = this.#of(kind);
    known.version = undefined;
    known.newestAtMs = -Infinity;
    known.forgottenAtMs = this.now();
  }

  #of({ apiVersion, kind }: Kind): Known {
    // The versions of a group share their resourceVersions.
    const slash = apiVersion.indexOf('/');
    const key = `${slash < 0 ? '' : apiVersion.slice(0, slash)}/${kind}`;
    const found = this.#known.get(key);
    if (found) {
      return found;
    }
    const fresh = { newestAtMs: -Infinity, forgottenAtMs: -Infinity };
    this.#known.set(key, fresh);
    return fresh;
  }
}

/** KEP-5504: decimal numbers that grow. */
function isComparable(version: string): boolean {
  return /^[1-9]\d*$/.test(version);
}
