import {
  Deployment,
  DeploymentStatus,
  Outcome,
  Reason,
  RolloutState,
} from '@slipway/backstage-plugin-delivery-common';

/** What a person reads in the list, from what the interpreter remembers. */
export function statusOfRollout(rollout: RolloutState): DeploymentStatus {
  if (rollout.outcome && rollout.phase === 'finished') {
    return rollout.outcome;
  }
  if (rollout.phase === 'aborting') {
    return 'aborting';
  }
  if (rollout.error || rollout.paused?.reason === 'errored') {
    return 'errored';
  }
  return rollout.paused ? 'paused' : 'progressing';
}

function reasonOfRollout(rollout: RolloutState): Reason | undefined {
  return (
    rollout.reason ??
    rollout.abort?.reason ??
    rollout.error?.reason ??
    rollout.paused?.detail
  );
}

/** The row of the active deployment, kept in step with its rollout. */
export function withRollout(
  row: Deployment,
  rollout: RolloutState,
  trouble?: Reason,
): Deployment {
  const status = statusOfRollout(rollout);
  const errored = trouble !== undefined && status === 'progressing';
  const reason = errored ? trouble : reasonOfRollout(rollout);
  return {
    ...row,
    status: errored ? 'errored' : status,
    reason,
    planId: rollout.candidate.planId,
    startedAtMs: row.startedAtMs ?? rollout.startedAtMs,
    waitingFor: undefined,
    rollout,
  };
}

/** The row of a deployment that reached its end; its rollout is frozen. */
export function withOutcome(
  row: Deployment,
  outcome: Outcome,
  nowMs: number,
  reason?: Reason,
  rollout: RolloutState | undefined = row.rollout,
): Deployment {
  return {
    ...row,
    status: outcome,
    outcome,
    reason: reason ?? row.reason,
    finishedAtMs: nowMs,
    waitingFor: undefined,
    ...(rollout
      ? {
          rollout: {
            ...rollout,
            phase: 'finished' as const,
            outcome,
            reason: rollout.reason ?? reason,
            finishedAtMs: rollout.finishedAtMs ?? nowMs,
          },
        }
      : {}),
  };
}

/** The rollout that has not ended. */
export function activeRollout(
  rollout: RolloutState | undefined,
): RolloutState | undefined {
  return rollout && rollout.phase !== 'finished' ? rollout : undefined;
}
