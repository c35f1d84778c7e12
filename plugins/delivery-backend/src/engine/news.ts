import {
  Deployment,
  DeploymentStatus,
  isTerminalDeployment,
} from '@slipway/backstage-plugin-delivery-common';

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
  const name = after.service.slice(after.service.lastIndexOf('/') + 1);
  const [kind, path] = after.service.split(':');
  return {
    key: `${after.id}:${transition}`,
    type: 'notification',
    payload: {
      title: `${name} ${after.releaseVersion} ${words} in ${after.environment}`,
      description: after.reason?.message ?? after.cause,
      severity: SEVERITY[after.status] ?? 'normal',
      recipients: [...new Set(recipients)],
      ...(path
        ? {
            link: `/catalog/${path.replace(
              '/',
              `/${kind}/`,
            )}/delivery/deployments/${encodeURIComponent(after.id)}`,
          }
        : {}),
    },
  };
}
