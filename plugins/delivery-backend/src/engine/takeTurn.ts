import { RolloutRequest } from '../rollout';
import { backOffMs } from './context';
import { withOutcome } from './deploymentRows';
import { prepareStart } from './prepareStart';
import { earliest, Round } from './round';
import { lookAtWaiting, Turn } from './waiting';

/**
 * Whose turn it is, with the rollout to start. A release that cannot be
 * rendered has failed; what we could not do is tried again.
 */
export async function takeTurn(
  round: Round,
): Promise<{ turn?: Turn; start?: RolloutRequest; wakeAtMs?: number }> {
  const { context, changes, keeper, connection, memory, active, open } = round;
  const waiting = open.flatMap(({ id }) => {
    const deployment = changes.deployment(id);
    return deployment && !deployment.outcome && id !== active?.deploymentId
      ? deployment
      : [];
  });
  if (waiting.length === 0) {
    memory.startTrouble.clear();
    return {};
  }
  const { turn, wakeAtMs } = await lookAtWaiting({
    context,
    changes,
    mode:
      context.environments.get(changes.row.target.environment)?.queue ??
      'queue',
    waiting,
    active: active && {
      id: active.deploymentId,
      kind: active.kind,
      aborting: active.phase === 'aborting',
    },
    notBefore: id => memory.startTrouble.get(id)?.retryAtMs,
    signal: keeper.signal,
  });
  if (!turn) {
    return { wakeAtMs };
  }
  const { deployment } = turn;
  const prepared = await prepareStart({
    context,
    row: changes.row,
    deployment,
    connection,
    signal: keeper.signal,
  });
  if (prepared.ok) {
    memory.startTrouble.delete(deployment.id);
    const { references } = prepared;
    if (references.length > 0) {
      changes.evidence.push({
        deploymentId: deployment.id,
        evidence: { references },
      });
    }
    return { turn, start: prepared.request, wakeAtMs };
  }
  const { reason, fault } = prepared;
  if (fault === 'content') {
    changes.setDeployment(
      withOutcome(deployment, 'failed', changes.nowMs, reason),
    );
    changes.event({
      type: 'deployment-failed',
      message: `Cannot be deployed: ${reason.message}`,
      level: 'error',
      deploymentId: deployment.id,
      reason,
    });
    return { wakeAtMs: changes.nowMs };
  }
  const attempts = (memory.startTrouble.get(deployment.id)?.attempts ?? 0) + 1;
  const retryAtMs = changes.nowMs + backOffMs(attempts);
  memory.startTrouble.set(deployment.id, { attempts, retryAtMs });
  changes.setDeployment({
    ...deployment,
    status: 'errored',
    reason,
    waitingFor: undefined,
  });
  return { wakeAtMs: earliest(wakeAtMs, retryAtMs) };
}
