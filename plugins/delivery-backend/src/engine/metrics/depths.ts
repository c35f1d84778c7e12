import { LoggerService } from '@backstage/backend-plugin-api';
import {
  MetricsService,
  MetricsServiceObservableGauge,
} from '@backstage/backend-plugin-api/alpha';
import { DeliveryStore } from '../../store';

/**
 * What waits, asked of the database when somebody collects metrics, and not
 * otherwise. All but `delivery.engine.in_flight` are of the whole database:
 * each backend tells the same, so take the maximum over backends, not the sum.
 */
export function observeDepths(options: {
  metrics: MetricsService;
  store: DeliveryStore;
  /** Units of work in this process' hands. */
  inFlight: () => number;
  logger: LoggerService;
}): { stop(): void } {
  const { metrics, store, inFlight, logger } = options;
  const stops: Array<() => void> = [];

  function gauge(
    name: string,
    about: { description: string; unit?: string },
    read: () => number | Promise<number>,
  ) {
    const instrument: MetricsServiceObservableGauge =
      metrics.createObservableGauge(name, about);
    const callback: Parameters<
      typeof instrument.addCallback
    >[0] = async result => {
      try {
        result.observe(await read());
      } catch (error) {
        // A gap in the chart tells of it, and so do the engine's own claims.
        logger.debug(`Could not read ${name}: ${error}`);
      }
    };
    instrument.addCallback(callback);
    stops.push(() => instrument.removeCallback(callback));
  }

  gauge(
    'delivery.engine.in_flight',
    { description: 'Units of work that this backend works on right now' },
    inFlight,
  );
  gauge(
    'delivery.engine.due',
    { description: 'Units of work that are due and that nobody has claimed' },
    async () => (await store.work.stats()).due,
  );
  gauge(
    'delivery.engine.oldest_due_age',
    { description: 'For how long the oldest of them is due', unit: 's' },
    async () => ((await store.work.stats()).oldestDueAgeMs ?? 0) / 1_000,
  );
  gauge(
    'delivery.outbox.depth',
    { description: 'News that was not told yet' },
    async () => (await store.outbox.stats()).waiting,
  );
  gauge(
    'delivery.outbox.oldest_age',
    { description: 'For how long the oldest of them waits', unit: 's' },
    async () => ((await store.outbox.stats()).oldestAgeMs ?? 0) / 1_000,
  );
  gauge(
    'delivery.feed.lag',
    {
      description: 'For how long the oldest change waits to be shown',
      unit: 's',
    },
    async () => (await store.feed.lagMs()) / 1_000,
  );
  return { stop: () => stops.splice(0).forEach(stop => stop()) };
}
