import {
  PauseReason,
  Reason,
  RolloutState,
} from '@slipway/backstage-plugin-delivery-common';
import { PAUSE_CEILING_MS, suspendProgress } from './deadlines';
import { Draft, note } from './draft';

const SAYINGS: Record<PauseReason, string> = {
  step: 'Paused by a step of the strategy',
  manual: 'Paused by a person',
  inconclusive: 'Paused: the analysis could not say yes or no',
  errored: 'Paused: something that is not the release went wrong',
};

/** Stops the steps until `untilMs`, or until a person decides (with a ceiling). */
export function pauseRollout(
  draft: Draft,
  rollout: RolloutState,
  reason: PauseReason,
  options: { untilMs?: number; detail?: Reason } = {},
): void {
  const { untilMs, detail } = options;
  rollout.paused = {
    reason,
    sinceMs: draft.nowMs,
    ...(untilMs === undefined
      ? { deadlineMs: draft.nowMs + PAUSE_CEILING_MS }
      : { untilMs }),
    ...(detail ? { detail } : {}),
  };
  suspendProgress(rollout);
  note(
    draft,
    'paused',
    detail ? `${SAYINGS[reason]}: ${detail.message}` : SAYINGS[reason],
    {
      level:
        reason === 'errored' || reason === 'inconclusive' ? 'warning' : 'info',
      ...(detail ? { reason: detail } : {}),
    },
  );
}
