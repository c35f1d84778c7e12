import { LogNovelty, World } from '@slipway/backstage-plugin-delivery-common';
import { DeploymentEvidence } from '../store';
import { Round } from './round';
import { withTrafficPoint } from './trafficPoints';

/** What is stored beside a deployment already; read once by each process. */
export async function knownEvidence(
  { context, memory }: Round,
  deploymentId: string,
): Promise<Partial<DeploymentEvidence>> {
  if (memory.evidence?.deploymentId !== deploymentId) {
    memory.evidence = {
      deploymentId,
      known: await context.store.deployments.evidence(deploymentId),
    };
  }
  return memory.evidence.known;
}

/**
 * Notes the shares of the deployment that goes on, or that has just ended, and
 * what its logs told. Called after the decision, written with it.
 */
export async function keepEvidence(
  round: Round,
  found: { logs: LogNovelty | undefined; traffic: World['traffic'] },
): Promise<void> {
  const { changes, context, active, memory } = round;
  const { rollout, desired } = changes.row.record;
  const goesOn = rollout && rollout.phase !== 'finished' ? rollout : active;
  if (!goesOn) {
    delete memory.evidence;
    return;
  }
  const { deploymentId } = goesOn;
  const known = await knownEvidence(round, deploymentId);
  const traffic = withTrafficPoint({
    points: known.traffic ?? [],
    asked: desired.shares,
    traffic: found.traffic,
    nowMs: context.clock.now(),
  });
  const isAboutIt = active?.deploymentId === deploymentId;
  const evidence: Partial<DeploymentEvidence> = {
    ...(traffic ? { traffic } : {}),
    ...(found.logs && isAboutIt ? { logs: found.logs } : {}),
  };
  if (Object.keys(evidence).length > 0) {
    changes.evidence.push({ deploymentId, evidence });
    // Before the commit: what a failed one loses is a point of a chart.
    memory.evidence = { deploymentId, known: { ...known, ...evidence } };
  }
}
