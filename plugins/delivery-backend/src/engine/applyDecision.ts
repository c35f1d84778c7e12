import { Deployment, Reason } from '@slipway/backstage-plugin-delivery-common';
import { holdAfterOutcome, isAutomation } from '../governance';
import { DecideOutput, RolloutRequest } from '../rollout';
import { Changes } from './changes';
import { withOutcome, withRollout } from './deploymentRows';
import { Round } from './round';
import { Turn } from './waiting';

/** Writes what was decided into the rows, events and answers to be stored. */
export function applyDecision(
  round: Round,
  decision: DecideOutput,
  start: RolloutRequest | undefined,
  turn: Turn | undefined,
  trouble: Reason | undefined,
): void {
  const { changes, active } = round;
  const { nowMs } = changes;
  const { rollout } = decision.record;
  const started =
    start !== undefined && rollout?.deploymentId === start.deploymentId;

  for (const { commandId, accepted, message } of decision.answers) {
    changes.answers.push({ commandId, accepted, message });
  }
  if (started && turn) {
    begin(changes, turn);
  }
  for (const event of decision.events) {
    changes.event(event);
  }
  const running = rollout && changes.deployment(rollout.deploymentId);
  if (rollout && running && !running.outcome) {
    changes.setDeployment(withRollout(running, rollout, trouble));
  }
  for (const ended of decision.finished) {
    const deployment = changes.deployment(ended.deploymentId);
    if (!deployment) {
      continue;
    }
    const last =
      rollout?.deploymentId === ended.deploymentId ? rollout : active;
    changes.setDeployment(
      withOutcome(deployment, ended.outcome, nowMs, ended.reason, last),
    );
    if (ended.hold) {
      setHold(changes, deployment, ended);
    }
  }
}

function begin(changes: Changes, turn: Turn) {
  const { deployment, superseded, bypassed } = turn;
  changes.setDeployment({
    ...deployment,
    status: 'progressing',
    reason: undefined,
    startedAtMs: changes.nowMs,
    waitingFor: undefined,
    previousReleaseId: changes.row.record.stable?.releaseId,
  });
  changes.event({
    type: 'deployment-started',
    message: deployment.cause.startsWith(deployment.releaseVersion)
      ? deployment.cause
      : `${deployment.releaseVersion}: ${deployment.cause}`,
    deploymentId: deployment.id,
    actor: deployment.createdBy,
  });
  for (const gate of bypassed) {
    changes.event({
      type: 'gate-passed-over',
      message: `Started by a person in spite of: ${gate.message}`,
      level: 'warning',
      deploymentId: deployment.id,
      actor: deployment.createdBy,
    });
  }
  for (const overtaken of superseded) {
    const reason: Reason = {
      code: 'superseded',
      message: `Overtaken by ${deployment.releaseVersion} before it started`,
    };
    changes.setDeployment(
      withOutcome(overtaken, 'superseded', changes.nowMs, reason),
    );
    changes.event({
      type: 'deployment-superseded',
      message: reason.message,
      deploymentId: overtaken.id,
      reason,
    });
  }
}

function setHold(
  changes: Changes,
  deployment: Deployment,
  ended: DecideOutput['finished'][number],
) {
  const { hold } = changes.row;
  const isPersons = hold !== undefined && !isAutomation(hold.by);
  if (isPersons) {
    // What a person wrote there says more than we could.
    return;
  }
  const next = holdAfterOutcome({
    deployment,
    outcome: ended.outcome,
    reason: ended.reason,
    nowMs: changes.nowMs,
  });
  changes.row = { ...changes.row, hold: next };
  changes.event({
    type: 'hold-set',
    message: `Automation is on hold: ${next.reason}`,
    level: 'warning',
    deploymentId: deployment.id,
    actor: next.by,
  });
}
