import { Permission } from '@backstage/plugin-permission-common';
import {
  Deployment,
  DeploymentVerb,
  Hold,
  Release,
  ReleaseVerb,
  RolloutState,
  TargetVerb,
  deliveryAbortPermission,
  deliveryDeployPermission,
  deliveryGiveBackPermission,
  deliveryHoldPermission,
  deliveryOperatePermission,
  deliveryPausePermission,
  deliveryPromotePermission,
  deliveryReleaseUpdatePermission,
  deliveryRetryPermission,
  deliveryRollbackPermission,
  deliveryTakeOverPermission,
  isTerminalDeployment,
} from '@slipway/backstage-plugin-delivery-common';

/*
 * Which verb makes sense now. These are hints for the page, so that a button
 * that cannot work says why; the engine decides again when the verb arrives.
 */

export type VerbsView = Record<string, { allowed: boolean; reason?: string }>;

/** Says for a permission whether the caller has it, or why not. */
export type MayDo = (
  permission: Permission,
) => { allowed: true } | { allowed: false; reason: string };

export const DEPLOYMENT_VERB_PERMISSIONS: Record<DeploymentVerb, Permission> = {
  promote: deliveryPromotePermission,
  'promote-full': deliveryPromotePermission,
  'skip-step': deliveryPromotePermission,
  pause: deliveryPausePermission,
  resume: deliveryPausePermission,
  abort: deliveryAbortPermission,
  cancel: deliveryAbortPermission,
  retry: deliveryRetryPermission,
};

export const TARGET_VERB_PERMISSIONS: Record<TargetVerb, Permission> = {
  hold: deliveryHoldPermission,
  'release-hold': deliveryHoldPermission,
  restart: deliveryOperatePermission,
  'take-over': deliveryTakeOverPermission,
  'give-back': deliveryGiveBackPermission,
};

/** All that a page of a target or deployment asks about. */
export const TARGET_PAGE_PERMISSIONS: Permission[] = [
  deliveryDeployPermission,
  deliveryRollbackPermission,
  ...new Set([
    ...Object.values(DEPLOYMENT_VERB_PERMISSIONS),
    ...Object.values(TARGET_VERB_PERMISSIONS),
  ]),
];

/** Why the verb makes no sense now; `undefined`: it does. */
export function deploymentVerbObstacle(
  verb: DeploymentVerb,
  deployment: Deployment,
): string | undefined {
  const { status, rollout } = deployment;
  if (verb === 'retry') {
    return retryObstacle(deployment);
  }
  if (isTerminalDeployment(status)) {
    return `The deployment is over (${status})`;
  }
  const waiting = status === 'queued' || status === 'gated';
  if (verb === 'cancel') {
    return waiting ? undefined : 'The deployment has started: abort it instead';
  }
  if (waiting || !rollout) {
    return 'The deployment has not started yet';
  }
  if (rollout.phase === 'aborting' || status === 'aborting') {
    return 'The deployment is being aborted';
  }
  switch (verb) {
    case 'pause':
      return rollout.paused ? 'The deployment is paused already' : undefined;
    case 'resume':
      return rollout.paused ? undefined : 'The deployment is not paused';
    case 'promote':
      return promoteObstacle(rollout);
    default:
      return undefined;
  }
}

function retryObstacle(deployment: Deployment): string | undefined {
  const retryable: Deployment['status'][] = [
    'errored',
    'failed',
    'aborted',
    'rolled-back',
  ];
  return retryable.includes(deployment.status)
    ? undefined
    : `Only a deployment that did not succeed can be retried; this one is ${deployment.status}`;
}

function promoteObstacle(rollout: RolloutState): string | undefined {
  const current = rollout.steps[rollout.stepIndex];
  if (rollout.paused || current?.step.type === 'pause') {
    return undefined;
  }
  return 'The deployment does not wait for a promotion; skip the step instead';
}

/** The verbs of one deployment, for one caller. */
export function deploymentVerbs(deployment: Deployment, may: MayDo): VerbsView {
  const verbs: VerbsView = {};
  for (const verb of Object.keys(
    DEPLOYMENT_VERB_PERMISSIONS,
  ) as DeploymentVerb[]) {
    verbs[verb] = verdict(
      may(DEPLOYMENT_VERB_PERMISSIONS[verb]),
      deploymentVerbObstacle(verb, deployment),
    );
  }
  return verbs;
}

/** The verbs of a target, with those of its active deployment. */
export function targetVerbs(
  target: {
    hold?: Hold;
    hasStable: boolean;
    hasHistory: boolean;
    /** A newer epoch in the world, or fields that others have changed. */
    isForeign: boolean;
    /** The environment's connection can give it to somebody. */
    canGiveBack: boolean;
    isGivingBack: boolean;
    /** It stopped at its deadline: a person may have it tried again. */
    isGiveBackOverdue: boolean;
    active?: Deployment;
    last?: Deployment;
  },
  may: MayDo,
): VerbsView {
  const subject = target.active ?? target.last;
  const noDeployment = 'Nothing has been deployed here';
  const verbs: VerbsView = subject
    ? deploymentVerbs(subject, may)
    : Object.fromEntries(
        Object.entries(DEPLOYMENT_VERB_PERMISSIONS).map(
          ([verb, permission]) => [
            verb,
            verdict(may(permission), noDeployment),
          ],
        ),
      );
  verbs.deploy = verdict(may(deliveryDeployPermission), undefined);
  verbs.rollback = verdict(
    may(deliveryRollbackPermission),
    target.hasHistory ? undefined : 'There is no earlier release to go back to',
  );
  verbs.hold = verdict(
    may(TARGET_VERB_PERMISSIONS.hold),
    target.hold ? 'There is a hold already' : undefined,
  );
  verbs['release-hold'] = verdict(
    may(TARGET_VERB_PERMISSIONS['release-hold']),
    releaseHoldObstacle(target),
  );
  verbs.restart = verdict(
    may(TARGET_VERB_PERMISSIONS.restart),
    target.hasStable ? undefined : 'Nothing runs here',
  );
  verbs.operate = verdict(may(deliveryOperatePermission), undefined);
  verbs['take-over'] = verdict(
    may(TARGET_VERB_PERMISSIONS['take-over']),
    target.isForeign || target.isGivingBack
      ? undefined
      : 'Nobody else has written to this target',
  );
  if (target.canGiveBack) {
    verbs['give-back'] = verdict(
      may(TARGET_VERB_PERMISSIONS['give-back']),
      giveBackObstacle(target),
    );
  }
  return verbs;
}

function releaseHoldObstacle(target: {
  hold?: Hold;
  isGivingBack: boolean;
}): string | undefined {
  if (!target.hold) {
    return 'There is no hold';
  }
  return target.isGivingBack
    ? 'It is being given back, which needs the hold: take over first'
    : undefined;
}

function giveBackObstacle(target: {
  hasStable: boolean;
  isGivingBack: boolean;
  isGiveBackOverdue: boolean;
  active?: Deployment;
}): string | undefined {
  if (target.isGiveBackOverdue) {
    return undefined;
  }
  if (target.isGivingBack) {
    return 'It is being given back';
  }
  if (target.active) {
    return 'A deployment is under way: wait for its end, or abort it first';
  }
  return target.hasStable ? undefined : 'Nothing of ours runs here';
}

/** The verbs of a release that is being made. */
export function releaseVerbs(release: Release, may: MayDo): VerbsView {
  const obstacles: Record<ReleaseVerb, string | undefined> = {
    cancel: ['queued', 'running', 'errored'].includes(release.status)
      ? undefined
      : `The release is over (${release.status})`,
    retry: ['errored', 'failed', 'blocked', 'cancelled'].includes(
      release.status,
    )
      ? undefined
      : `Only a release that did not get ready can be retried; this one is ${release.status}`,
  };
  const permission = may(deliveryReleaseUpdatePermission);
  return {
    cancel: verdict(permission, obstacles.cancel),
    retry: verdict(permission, obstacles.retry),
  };
}

/** The missing permission is said first: it does not go away by waiting. */
function verdict(
  permission: ReturnType<MayDo>,
  obstacle: string | undefined,
): { allowed: boolean; reason?: string } {
  if (!permission.allowed) {
    return { allowed: false, reason: permission.reason };
  }
  return obstacle === undefined
    ? { allowed: true }
    : { allowed: false, reason: obstacle };
}
