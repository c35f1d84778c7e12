import { createHash } from 'node:crypto';
import {
  Deployment,
  Digest,
  GenerationRole,
  TargetRecord,
} from '@slipway/backstage-plugin-delivery-common';
import { Plan } from '@slipway/backstage-plugin-delivery-node';

/**
 * The same Plan is the same generation: a Plan that still runs here, as stable
 * or draining, keeps the name it runs under. A restart is the same Plan in new
 * instances, so it alone gets another name. Names are DNS labels.
 */
export function generationName(options: {
  plan: Pick<Plan, 'id'>;
  record: TargetRecord;
  deployment: Pick<Deployment, 'id' | 'kind'>;
}): string {
  const { plan, record, deployment } = options;
  const base = `g${plan.id.slice(0, 10)}`;
  if (deployment.kind === 'restart') {
    const suffix = createHash('sha256')
      .update(deployment.id)
      .digest('hex')
      .slice(0, 5);
    return `${base}-${suffix}`;
  }
  const running = [record.stable, ...record.draining].find(
    role => role?.planId === plan.id,
  );
  return running?.generation ?? base;
}

/** `repository:tag@sha256:...` to the digest. */
function digestOf(reference: string): Digest {
  return reference.slice(reference.lastIndexOf('@') + 1);
}

/** What a deployment brings, as the rollout room sees it. */
export function candidateRole(options: {
  plan: Plan;
  record: TargetRecord;
  deployment: Pick<Deployment, 'id' | 'kind' | 'releaseId' | 'releaseVersion'>;
}): GenerationRole {
  const { plan, deployment } = options;
  return {
    generation: generationName(options),
    planId: plan.id,
    releaseId: deployment.releaseId,
    version: deployment.releaseVersion,
    deploymentId: deployment.id,
    digests: Object.fromEntries(
      Object.entries(plan.images).map(([name, reference]) => [
        name,
        digestOf(reference),
      ]),
    ),
    replicas: plan.replicas,
  };
}
