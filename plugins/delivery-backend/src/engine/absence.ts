import { TargetRecord } from '@slipway/backstage-plugin-delivery-common';
import { activeRollout } from './deploymentRows';

/** Work that is this late was late because nobody was there, not because of load. */
const ABSENT_FROM_MS = 2_000;

/**
 * While no engine looked (it was stopped, or the database was away) a release
 * had no chance to make progress, nor had giving back: that time does not count
 * against their deadlines. The time of a pause does go on: it was to end by the clock.
 */
export function forgiveAbsence(
  record: TargetRecord,
  lateMs: number,
): TargetRecord {
  if (!(lateMs >= ABSENT_FROM_MS)) {
    return record;
  }
  const { giveBack } = record;
  if (giveBack?.deadlineMs !== undefined && !giveBack.overdue) {
    const deadlineMs = giveBack.deadlineMs + lateMs;
    return { ...record, giveBack: { ...giveBack, deadlineMs } };
  }
  const rollout = activeRollout(record.rollout);
  if (!rollout) {
    return record;
  }
  return {
    ...record,
    rollout: {
      ...rollout,
      ...(rollout.progressDeadlineMs === undefined
        ? {}
        : { progressDeadlineMs: rollout.progressDeadlineMs + lateMs }),
      ...(rollout.abort
        ? {
            abort: {
              ...rollout.abort,
              deadlineMs: rollout.abort.deadlineMs + lateMs,
            },
          }
        : {}),
    },
  };
}
