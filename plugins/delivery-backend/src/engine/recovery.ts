import { stringifyTarget } from '@slipway/backstage-plugin-delivery-common';
import { DeliveryStore } from '../store';
import { activeRollout } from './deploymentRows';

/**
 * What is under way is found again by its lease running out or by its time and
 * needs no recovery; to wake all of it at once would only keep what is due
 * waiting. This is the net below: a target that should be awake and that, for
 * whatever reason, has no time to wake is woken. Bounded pages. Returns their
 * ids.
 */
export async function wakeUnfinished(
  store: DeliveryStore,
  signal: AbortSignal,
): Promise<string[]> {
  const woken: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.targets.list({ cursor, limit: 200 });
    const unfinished = page.items
      .filter(
        ({ record }) =>
          activeRollout(record.rollout) ||
          record.draining.length > 0 ||
          record.giveBack,
      )
      .map(({ target }) => stringifyTarget(target));
    woken.push(...(await store.work.wakeSleeping('target', unfinished)));
    cursor = page.nextCursor;
  } while (cursor !== undefined && !signal.aborted);
  return woken;
}
