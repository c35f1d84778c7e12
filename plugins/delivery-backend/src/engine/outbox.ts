import { LoggerService } from '@backstage/backend-plugin-api';
import { Notifier } from '@slipway/backstage-plugin-delivery-node';
import { DeliveryStore } from '../store';
import { NewsPayload } from './news';
import { withTimeLimit } from './timeLimit';
import { Clock } from './types';

const BATCH = 20;
const LEASE_MS = 30_000;
const CALL_LIMIT_MS = 10_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_CAP_MS = 300_000;

interface Item {
  key: string;
  payload: unknown;
  attempts: number;
}

/** Tells what the transactions wrote down to be told once. */
export interface OutboxWorker {
  start(): void;
  stop(): Promise<void>;
  wake(): void;
}

/**
 * At least once, with the same key each time: the notifier shows a key once.
 * A notifier that fails is tried again, ever more slowly and for ever, because
 * news that nobody was told of is what people would never forgive.
 */
export function createOutboxWorker(options: {
  store: DeliveryStore;
  notifier?: Notifier;
  owner: string;
  pollMs: number;
  logger: LoggerService;
  clock: Clock;
}): OutboxWorker {
  const { store, notifier, owner, pollMs, logger, clock } = options;
  const controller = new AbortController();
  let interrupt: (() => void) | undefined;
  let woken = false;
  let main: Promise<void> | undefined;

  async function tell(item: Item): Promise<unknown> {
    try {
      if (notifier) {
        const news = item.payload as NewsPayload;
        await withTimeLimit(
          'The notifier',
          CALL_LIMIT_MS,
          controller.signal,
          () => notifier.notify({ key: item.key, ...news }),
        );
      }
      return undefined;
    } catch (error) {
      return error ?? new Error('The notifier failed');
    }
  }

  async function note(item: Item, error: unknown): Promise<void> {
    try {
      if (error === undefined) {
        await store.outbox.done(item.key);
        return;
      }
      if (controller.signal.aborted) {
        return;
      }
      const delayMs = Math.min(
        RETRY_CAP_MS,
        RETRY_FIRST_MS * 2 ** Math.min(16, item.attempts),
      );
      logger.warn(
        `Could not tell news ${item.key}, again in ${delayMs} ms: ${error}`,
      );
      await store.outbox.retry(item.key, clock.now() + delayMs, `${error}`);
    } catch (failure) {
      // The lease of the item ends; it is found and told again.
      logger.warn(`Could not note what became of ${item.key}: ${failure}`);
    }
  }

  async function rest() {
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, pollMs);
      interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    interrupt = undefined;
  }

  async function loop() {
    while (!controller.signal.aborted) {
      woken = false;
      let told = 0;
      try {
        const items = await store.outbox.claim(owner, BATCH, LEASE_MS);
        told = items.length;
        const noted: Array<Promise<void>> = [];
        for (const item of items) {
          // One after the other, in their order; noted together.
          noted.push(note(item, await tell(item)));
        }
        await Promise.all(noted);
      } catch (error) {
        logger.warn(`Could not read the outbox: ${error}`);
        told = 0;
      }
      if (told < BATCH && !woken && !controller.signal.aborted) {
        await rest();
      }
    }
  }

  return {
    start() {
      main ??= loop();
    },
    wake() {
      woken = true;
      interrupt?.();
    },
    async stop() {
      controller.abort(new Error('The engine stops'));
      interrupt?.();
      await main;
    },
  };
}
