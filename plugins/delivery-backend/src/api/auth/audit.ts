import { AuditorService, LoggerService } from '@backstage/backend-plugin-api';
import { isError } from '@backstage/errors';
import type { DeliveryStore } from '../../store';
import { Caller } from './grants';

/** What somebody is about to do. */
export interface AuditedWrite {
  /** kebab-case, for Backstage's auditor: `deployment-create`. */
  eventId: string;
  verb: string;
  /** Service, target, release or deployment. */
  subject: string;
  reason?: string;
  digests?: string[];
}

export interface Audit {
  /**
   * Does the work between two audit events, and writes the outcome into our
   * own append-only table too: refused and failed attempts as well.
   */
  write<T>(
    caller: Caller,
    entry: AuditedWrite,
    work: () => Promise<T>,
  ): Promise<T>;
}

export interface AuditOptions {
  auditor: AuditorService;
  store: Pick<DeliveryStore, 'audit'>;
  logger: LoggerService;
  clock: () => number;
}

export function createAudit(options: AuditOptions): Audit {
  const { auditor, store, logger, clock } = options;

  async function keep(caller: Caller, entry: AuditedWrite, outcome: string) {
    const { verb, subject, reason, digests } = entry;
    try {
      await store.audit({
        atMs: clock(),
        actor: caller.actor,
        verb,
        subject,
        reason,
        digests,
        outcome,
      });
    } catch (error) {
      // The work is done and must not be reported as undone; Backstage's
      // auditor has the event as well.
      logger.error(
        `The audit entry for ${verb} on ${subject} by ${caller.actor.ref} (${outcome}) could not be stored`,
        { error: String(error) },
      );
    }
  }

  return {
    async write(caller, entry, work) {
      const event = await auditor.createEvent({
        eventId: entry.eventId,
        severityLevel: 'medium',
        request: caller.request,
        meta: {
          verb: entry.verb,
          subject: entry.subject,
          actor: caller.actor.ref,
          actorType: caller.actor.type,
          ...(entry.reason !== undefined && { reason: entry.reason }),
          ...(entry.digests && { digests: entry.digests }),
        },
      });
      try {
        const result = await work();
        await event.success();
        await keep(caller, entry, outcomeOf(result));
        return result;
      } catch (error) {
        const cause = isError(error) ? error : new Error(String(error));
        await event.fail({ error: cause });
        await keep(
          caller,
          entry,
          cause.name === 'NotAllowedError'
            ? 'denied'
            : `failed: ${cause.message}`,
        );
        throw error;
      }
    },
  };
}

/** A verb that the engine refused is no failure, but no success either. */
function outcomeOf(result: unknown): string {
  if (
    typeof result === 'object' &&
    result !== null &&
    'accepted' in result &&
    result.accepted === false
  ) {
    return 'refused';
  }
  return 'succeeded';
}
