import { LoggerService } from '@backstage/backend-plugin-api';
import {
  TargetRef,
  TargetView,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import type { DeliveryStore, TargetRow } from '../../store';

/*
 * Health is not stored: it is what the watches and the metrics say now. So
 * that a list can name what is unwell without asking the world for each of its
 * rows, this looks at the estate piece by piece and remembers what was found.
 */

const PAGE = 100;
/** Between two pieces; 30,000 targets are gone through in about an hour. */
const PAUSE_MS = 12_000;
/** What is found is believed for so long without being seen again. */
const BELIEVED_MS = 2 * 3_600_000;
/** A list names no more; who has more has another problem. */
const MOST = 500;
/** A watch that starts knows nothing yet. */
const UNKNOWN_AFTER_MS = 30_000;

/** All that it needs of the store. */
interface Targets {
  targets: Pick<DeliveryStore['targets'], 'list'>;
}

export type HealthOf = (row: TargetRow) => Promise<TargetView['health']>;

/** What was found to be degraded or unknown. */
export class HealthWatch {
  readonly #found = new Map<
    string,
    { health: TargetView['health']; atMs: number }
  >();
  readonly #unknownSince = new Map<string, number>();
  readonly #store: Targets;
  readonly #clock: () => number;
  readonly #logger: LoggerService;
  #cursor: string | undefined;

  constructor(options: {
    store: Targets;
    clock: () => number;
    logger: LoggerService;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Looks at one piece after the other until the signal. */
  start(healthOf: HealthOf, signal: AbortSignal): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = async () => {
      try {
        await this.look(healthOf);
      } catch (error) {
        this.#logger.warn(
          `The health of the estate was not looked at: ${error}`,
        );
      }
      if (!signal.aborted) {
        timer = setTimeout(next, PAUSE_MS);
        timer.unref();
      }
    };
    timer = setTimeout(next, PAUSE_MS);
    timer.unref();
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  /** One piece of the estate; begins again after the last one. */
  async look(healthOf: HealthOf): Promise<void> {
    const page = await this.#store.targets.list({
      cursor: this.#cursor,
      limit: PAGE,
    });
    this.#cursor = page.nextCursor;
    for (const row of page.items) {
      const id = stringifyTarget(row.target);
      this.#note(id, row.record.stable ? await healthOf(row) : undefined);
    }
  }

  find(target: TargetRef): TargetView['health'] | undefined {
    const entry = this.#found.get(stringifyTarget(target));
    return entry && this.#clock() - entry.atMs < BELIEVED_MS
      ? entry.health
      : undefined;
  }

  /** Those that need somebody, at most 500. */
  targets(): string[] {
    return [...this.#found]
      .filter(([, { atMs }]) => this.#clock() - atMs < BELIEVED_MS)
      .map(([id]) => id)
      .slice(0, MOST);
  }

  #note(id: string, health: TargetView['health'] | undefined): void {
    const nowMs = this.#clock();
    if (health?.status !== 'unknown') {
      this.#unknownSince.delete(id);
    }
    if (health?.status === 'unknown') {
      const sinceMs = this.#unknownSince.get(id) ?? nowMs;
      this.#unknownSince.set(id, sinceMs);
      if (nowMs - sinceMs < UNKNOWN_AFTER_MS) {
        return;
      }
    } else if (health?.status !== 'degraded') {
      this.#found.delete(id);
      return;
    }
    this.#found.delete(id);
    this.#found.set(id, { health, atMs: nowMs });
  }
}
