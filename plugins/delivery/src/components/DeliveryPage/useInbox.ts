import { useApi } from '@backstage/core-plugin-api';
import {
  DeliveryApi,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { deliveryApiRef } from '../../api';
import { Resource, useResource } from '../../hooks';
import { InboxItem, inboxOf } from './inbox';

/** So many waiting things are more than anybody reads at a time. */
const MOST_TARGETS = 500;
const PAGE = 100;

async function waitingTargets(api: DeliveryApi): Promise<TargetView[]> {
  const targets: TargetView[] = [];
  let cursor: string | undefined;
  do {
    const page = await api.getTargets({ attention: true, cursor, limit: PAGE });
    targets.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor && targets.length < MOST_TARGETS);
  return targets;
}

/** What waits for somebody, over all services that the reader may see. */
export function useInbox(): Resource<InboxItem[]> {
  const api = useApi(deliveryApiRef);
  return useResource(
    'inbox',
    async () => {
      const [targets, releases] = await Promise.all([
        waitingTargets(api),
        api.getReleases({ limit: PAGE }),
      ]);
      return inboxOf(targets, releases.items);
    },
    {
      affectedBy: event =>
        event.kind !== 'instances' && event.kind !== 'service',
    },
  );
}
