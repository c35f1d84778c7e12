import {
  Deployment,
  DeploymentStatus,
  GiveBackProgress,
  isTerminalDeployment,
  ServiceRef,
  stringifyTarget,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import { describeDrift, DriftNews } from '../rollout';

/** What the outbox carries to the notifier. */
export interface NewsPayload {
  title: string;
  description: string;
  severity: 'normal' | 'high' | 'critical';
  recipients: string[];
  link?: string;
}

export interface News {
  /** `deployment:transition`; told once whatever happens. */
  key: string;
  type: 'notification';
  payload: NewsPayload;
}

const WORDS: Partial<Record<DeploymentStatus, string>> = {
  succeeded: 'is deployed',
  'rolled-back': 'was rolled back',
  failed: 'failed',
  aborted: 'was aborted',
  cancelled: 'was cancelled',
  errored: 'needs a look',
  paused: 'waits for you',
};

const SEVERITY: Partial<Record<DeploymentStatus, NewsPayload['severity']>> = {
  'rolled-back': 'high',
  failed: 'critical',
  errored: 'high',
  paused: 'normal',
};

/** A timed pause ends by itself and a person's own pause is no news. */
function waitsForSomeone(row: Deployment): boolean {
  const paused = row.rollout?.paused;
  return (
    paused !== undefined &&
    paused.reason !== 'manual' &&
    paused.untilMs === undefined
  );
}

/** The news of a transition, for the owner and for whoever asked for it. */
export function newsOfTransition(options: {
  before: Deployment | undefined;
  after: Deployment;
  owner?: string;
}): News | undefined {
  const { before, after, owner } = options;
  const words = WORDS[after.status];
  if (!words || before?.status === after.status) {
    return undefined;
  }
  if (after.status === 'paused' && !waitsForSomeone(after)) {
    return undefined;
  }
  const step = after.rollout
    ? `:${after.rollout.attempt}:${after.rollout.stepIndex}`
    : '';
  const transition = isTerminalDeployment(after.status)
    ? after.status
    : `${after.status}${step}`;
  const recipients = [
    owner,
    after.createdBy.type === 'user' ? after.createdBy.ref : undefined,
  ].filter((ref): ref is string => Boolean(ref));
  const name = nameOf(after.service);
  return {
    key: `${after.id}:${transition}`,
    type: 'notification',
    payload: {
      title: `${name} ${after.releaseVersion} ${words} in ${after.environment}`,
      description: after.reason?.message ?? after.cause,
      severity: SEVERITY[after.status] ?? 'normal',
      recipients: [...new Set(recipients)],
      ...linkTo(after.service, after.id),
    },
  };
}

/** What of a target stands no longer as it was deployed, for the owner. */
export function newsOfDrift(
  options: DriftNews & {
    target: TargetRef;
    owner?: string;
    /** What brought what runs: its page tells of the drift. */
    deploymentId?: string;
  },
): News {
  const { target, owner, deploymentId, found, left, atMs } = options;
  const { service, environment } = target;
  return {
    key: `${stringifyTarget(target)}:drift:${atMs}`,
    type: 'notification',
    payload: {
      title: `${nameOf(service)} is not as it was deployed in ${environment}`,
      description: left
        ? `${describeDrift(found)}. Not put right by itself: ${left.message}`
        : `${describeDrift(found)}. Nothing is done about it by itself`,
      severity: left ? 'high' : 'normal',
      recipients: owner ? [owner] : [],
      ...linkTo(service, deploymentId),
    },
  };
}

/** That giving back has stopped, for the owner and for whoever asked for it. */
export function newsOfGiveBack(options: {
  target: TargetRef;
  owner?: string;
  deploymentId?: string;
  giveBack: GiveBackProgress & Required<Pick<GiveBackProgress, 'overdue'>>;
}): News {
  const { target, owner, deploymentId, giveBack } = options;
  const { by, overdue } = giveBack;
  const { service, environment } = target;
  const recipients = [owner, by.type === 'user' ? by.ref : undefined].filter(
    (ref): ref is string => Boolean(ref),
  );
  return {
    key: `${stringifyTarget(target)}:give-back-overdue:${overdue.sinceMs}`,
    type: 'notification',
    payload: {
      title: `${nameOf(service)} is not given back in ${environment}`,
      description: [overdue.reason.message, overdue.reason.action]
        .filter(Boolean)
        .join('. '),
      severity: 'high',
      recipients: [...new Set(recipients)],
      ...linkTo(service, deploymentId),
    },
  };
}

function nameOf(service: ServiceRef): string {
  return service.slice(service.lastIndexOf('/') + 1);
}

/** The page of a deployment, or of all of the service. */
function linkTo(
  service: ServiceRef,
  deploymentId: string | undefined,
): { link?: string } {
  const [kind, path] = service.split(':');
  if (!path) {
    return {};
  }
  const page = `/catalog/${path.replace('/', `/${kind}/`)}/delivery`;
  return {
    link: deploymentId
      ? `${page}/deployments/${encodeURIComponent(deploymentId)}`
      : page,
  };
}
