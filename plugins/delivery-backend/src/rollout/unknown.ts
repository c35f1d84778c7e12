import { RolloutState } from '@slipway/backstage-plugin-delivery-common';
import { activeRollout, Draft, note, wakeAt } from './draft';
import { abortCeilingMs, leaveToDrain, startAbort } from './abort';
import { PAUSE_CEILING_MS } from './deadlines';
import { pauseRollout } from './pausing';
import { pauseCeilingReached, worldUnknown } from './reasons';

/*
 * Not knowing is no verdict. While the world cannot be seen the last desired
 * state stays, no step advances and no deadline of progress runs. Looking is
 * tried again with back-off; after MOST_ATTEMPTS a person is asked. A rollout
 * on its way back goes on trying: going back is sticky.
 */

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
/** About four minutes with the back-off above. */
const MOST_ATTEMPTS = 12;
const IDLE_RETRY_MS = 10_000;

/** The world cannot be seen. */
export function heedUnknown(draft: Draft, what: string): void {
  const rollout = activeRollout(draft);
  const { nowMs } = draft;
  if (!rollout) {
    wakeAt(draft, nowMs + IDLE_RETRY_MS);
    return;
  }
  if (rollout.phase === 'aborting' && nowMs >= abortCeilingMs(rollout)) {
    leaveToDrain(draft, rollout);
    wakeAt(draft, nowMs + IDLE_RETRY_MS);
    return;
  }
  const { paused } = rollout;
  if (paused?.deadlineMs !== undefined && nowMs >= paused.deadlineMs) {
    startAbort(
      draft,
      rollout,
      'aborted',
      pauseCeilingReached(PAUSE_CEILING_MS),
    );
  }
  const { error } = rollout;
  if (!error) {
    rollout.error = {
      reason: worldUnknown(what, nowMs, nowMs),
      sinceMs: nowMs,
      attempts: 1,
      retryAtMs: nowMs + FIRST_RETRY_MS,
    };
    note(draft, 'world-unknown', rollout.error.reason.message, {
      level: 'warning',
      reason: rollout.error.reason,
    });
  } else if (nowMs >= error.retryAtMs) {
    error.attempts += 1;
    error.reason = worldUnknown(what, error.sinceMs, nowMs);
    error.retryAtMs =
      nowMs +
      Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (error.attempts - 1));
  }
  wakeAt(draft, rollout.error?.retryAtMs);
  if (
    rollout.error &&
    rollout.error.attempts > MOST_ATTEMPTS &&
    mayAskPerson(rollout, nowMs)
  ) {
    pauseRollout(draft, rollout, 'errored', { detail: rollout.error.reason });
  }
}

function mayAskPerson(rollout: RolloutState, nowMs: number): boolean {
  const { paused, phase } = rollout;
  if (phase !== 'stepping') {
    return false;
  }
  // A pause that has not ended yet misses nothing.
  return (
    !paused ||
    (paused.reason === 'step' &&
      paused.untilMs !== undefined &&
      nowMs >= paused.untilMs)
  );
}

/** The world is seen again: the time without sight does not count. */
export function heedKnown(draft: Draft): void {
  const rollout = activeRollout(draft);
  if (!rollout?.error) {
    return;
  }
  const blindMs = Math.max(0, draft.nowMs - rollout.error.sinceMs);
  if (rollout.progressDeadlineMs !== undefined) {
    rollout.progressDeadlineMs += blindMs;
  }
  if (rollout.abort && rollout.phase === 'aborting') {
    rollout.abort.deadlineMs += blindMs;
  }
  delete rollout.error;
  note(draft, 'world-known', 'Instances and traffic are seen again');
}
