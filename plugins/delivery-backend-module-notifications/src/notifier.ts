import { LoggerService } from '@backstage/backend-plugin-api';
import { parseEntityRef, stringifyEntityRef } from '@backstage/catalog-model';
import { NotificationService } from '@backstage/plugin-notifications-node';
import { Notifier } from '@slipway/backstage-plugin-delivery-node';

/** What people find in their settings, and may switch off. */
const TOPIC = 'deployments';

/**
 * News of deliveries as Backstage notifications.
 *
 * The key is the notification's scope: the notifications backend keeps one
 * notification for each user, sender and scope, so that news that is told again
 * (the engine tells at least once) changes what is there and adds nothing. A
 * group is told as its members, by the notifications backend.
 */
export function createNotifier(options: {
  notifications: NotificationService;
  logger: LoggerService;
}): Notifier {
  const { notifications, logger } = options;
  return {
    async notify(news) {
      const entityRef = entityRefs(news.recipients, logger);
      if (entityRef.length === 0) {
        // Trying again would find nobody either.
        logger.warn(
          `Nobody is told "${news.title}": the service has no owner in the catalog`,
        );
        return;
      }
      await notifications.send({
        recipients: { type: 'entity', entityRef },
        payload: {
          title: news.title,
          description: news.description,
          severity: news.severity,
          topic: TOPIC,
          scope: news.key,
          ...(news.link && { link: news.link }),
        },
      });
    },
  };
}

/**
 * The refs as the catalog writes them, each once. One that is none is left out:
 * the notifications backend would refuse the whole request, for ever.
 */
function entityRefs(recipients: string[], logger: LoggerService): string[] {
  const refs = new Set<string>();
  for (const recipient of recipients) {
    try {
      refs.add(
        stringifyEntityRef(parseEntityRef(recipient, { defaultKind: 'group' })),
      );
    } catch (error) {
      logger.warn(`"${recipient}" cannot be told of a delivery: ${error}`);
    }
  }
  return [...refs];
}
