import { StoreContext } from './context';
import { nullable, nullableJson } from './rows';
import { DeliveryStore } from './types';

/** Who did what and why. Rows are added, never changed, never cleaned up. */
export function createAudit(context: StoreContext): DeliveryStore['audit'] {
  return async (entry, tx) => {
    await context.standAlone(tx, own =>
      own('audit_log').insert({
        at_ms: entry.atMs,
        actor_type: entry.actor.type,
        actor_ref: entry.actor.ref,
        verb: entry.verb,
        subject: entry.subject,
        reason: nullable(entry.reason),
        digests: nullableJson(entry.digests),
        outcome: entry.outcome,
      }),
    );
  };
}
