import {
  Actor,
  Deployment,
  Hold,
  Outcome,
  Reason,
} from '@slipway/backstage-plugin-delivery-common';

/** What runs while nobody looks acts as this. */
export const AUTOMATION_ACTOR: Actor = {
  type: 'plugin',
  ref: 'plugin:delivery',
};

/**
 * A hold stops everything that no person stands behind: our own automation
 * and machines such as CI systems alike, because a pipeline that deploys the
 * rejected release again is the loop that a hold exists to break.
 */
export function isAutomation(actor: Actor): boolean {
  return actor.type !== 'user';
}

/**
 * The hold that the end of a deployment sets. It stays until a person releases
 * it; a person's own successful deployment does not release it, because whether
 * automation may go on is a decision of its own.
 */
export function holdAfterOutcome(options: {
  deployment: Pick<Deployment, 'id' | 'releaseVersion'>;
  outcome: Outcome;
  reason?: Reason;
  nowMs: number;
}): Hold {
  const { deployment, outcome, reason, nowMs } = options;
  const because = reason ? `: ${reason.message}` : '';
  const what =
    outcome === 'succeeded'
      ? `Rollback to ${deployment.releaseVersion}`
      : `${deployment.releaseVersion} was ${
          outcome === 'rolled-back' ? 'rolled back' : outcome
        }${because}`;
  return {
    by: AUTOMATION_ACTOR,
    sinceMs: nowMs,
    reason: what,
    deploymentId: deployment.id,
  };
}

/** A person goes back: automation must not bring the newer release again. */
export function holdForRollback(options: {
  deployment: Pick<Deployment, 'id' | 'releaseVersion' | 'createdBy'>;
  cause: string;
  nowMs: number;
}): Hold {
  const { deployment, cause, nowMs } = options;
  return {
    by: deployment.createdBy,
    sinceMs: nowMs,
    reason: `Rollback to ${deployment.releaseVersion}${
      cause ? `: ${cause}` : ''
    }`,
    deploymentId: deployment.id,
  };
}
