import {
  LoggerService,
  RootConfigService,
  SchedulerService,
} from '@backstage/backend-plugin-api';
import type { DeliveryStore } from '../store';

/** Deletes what retention does not keep, once an hour, on one backend. */
export async function scheduleRetention(options: {
  config: RootConfigService;
  scheduler: SchedulerService;
  store: Pick<DeliveryStore, 'cleanup'>;
  logger: LoggerService;
  clock: () => number;
}): Promise<void> {
  const { config, scheduler, store, logger, clock } = options;
  const keepPerTarget =
    config.getOptionalNumber('delivery.retention.keepPerTarget') ?? 20;
  const keepDays =
    config.getOptionalNumber('delivery.retention.keepDays') ?? 14;
  await scheduler.scheduleTask({
    id: 'delivery-retention',
    frequency: { hours: 1 },
    timeout: { minutes: 15 },
    initialDelay: { minutes: 5 },
    scope: 'global',
    fn: async () => {
      const { deleted } = await store.cleanup({
        keepPerTarget,
        keepDays,
        nowMs: clock(),
      });
      const parts = Object.entries(deleted).filter(([, count]) => count > 0);
      if (parts.length > 0) {
        logger.info(
          `Retention deleted ${parts
            .map(([kind, count]) => `${count} ${kind}`)
            .join(', ')}`,
        );
      }
    },
  });
}
