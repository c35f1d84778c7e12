import {
  stringifyTarget,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { DeliveryStore } from '../store';
import { activeRollout } from './deploymentRows';

/**
 * What is under way is found again by its lease running out and needs no
 * recovery. This is the net below: a target that should be awake and that,
 * for whatever reason, has no time to wake is woken. Bounded pages.
 */
export async function wakeUnfinished(
  store: DeliveryStore,
  signal: AbortSignal,
): Promise<TargetRef[]> {
  const woken: TargetRef[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.targets.list({ cursor, limit: 200 });
    for (const { target, record } of page.items) {
      if (activeRollout(record.rollout) || record.draining.length > 0) {
        await store.work.poke('target', stringifyTarget(target));
        woken.push(target);
      }
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined && !signal.aborted);
  return woken;
}
