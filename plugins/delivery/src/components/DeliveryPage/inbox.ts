import {
  Deployment,
  Release,
  TargetView,
} from '@slipway/backstage-plugin-delivery-common';
import { activeDeployment, causesOf } from '../../model';

export type InboxKind =
  | 'errored'
  | 'inconclusive'
  | 'paused'
  | 'not-given-back'
  | 'hold'
  | 'blocked'
  | 'degraded'
  | 'unknown';

export interface InboxItem {
  kind: InboxKind;
  service: string;
  environment?: string;
  title: string;
  /** Why it waits. */
  message?: string;
  sinceMs?: number;
  deploymentId?: string;
  releaseId?: string;
}

/** What needs somebody first comes first. */
const ORDER: readonly InboxKind[] = [
  'errored',
  'not-given-back',
  'inconclusive',
  'paused',
  'hold',
  'blocked',
  'degraded',
  'unknown',
];

function ofDeployment(
  active: Deployment,
): Omit<InboxItem, 'service'> | undefined {
  const paused = active.rollout?.paused;
  const common = {
    environment: active.environment,
    title: active.releaseVersion,
    deploymentId: active.id,
    message: paused?.detail?.message ?? active.reason?.message,
    sinceMs: paused?.sinceMs ?? active.startedAtMs,
  };
  if (active.status === 'errored' || paused?.reason === 'errored') {
    const message = active.rollout?.error?.reason.message ?? common.message;
    return { ...common, kind: 'errored', message };
  }
  if (paused?.reason === 'inconclusive') {
    return { ...common, kind: 'inconclusive' };
  }
  // A pause with an end goes on by itself.
  return active.status === 'paused' && paused?.untilMs === undefined
    ? { ...common, kind: 'paused' }
    : undefined;
}

function ofTarget(target: TargetView): InboxItem[] {
  const items: InboxItem[] = [];
  const { service, hold } = target;
  const active = activeDeployment(target);
  const waiting = active && ofDeployment(active);
  if (waiting) {
    items.push({ ...waiting, service });
  }
  const overdue = target.givingBack?.overdue;
  if (overdue) {
    items.push({
      kind: 'not-given-back',
      service,
      environment: target.environment.name,
      title: target.stable?.version ?? '',
      message: overdue.reason.message,
      sinceMs: overdue.sinceMs,
    });
  }
  // What was given back waits for nobody, and what is being given back not for
  // the end of its hold.
  if (hold && !target.givenBack && !target.givingBack) {
    items.push({
      kind: 'hold',
      service,
      environment: target.environment.name,
      title: target.stable?.version ?? '',
      message: hold.reason,
      sinceMs: hold.sinceMs,
      deploymentId: hold.deploymentId,
    });
  }
  const { status } = target.health;
  if ((status === 'degraded' || status === 'unknown') && !active) {
    // Why says more than how many are left.
    const worst = causesOf(target).find(({ level }) => level === 'error');
    items.push({
      kind: status,
      service,
      environment: target.environment.name,
      title: target.stable?.version ?? '',
      message: worst?.summary ?? target.health.causes[0],
      sinceMs: worst?.sinceMs,
    });
  }
  return items;
}

/** Everything that waits for a person, the most urgent kind first, the oldest of a kind first. */
export function inboxOf(
  targets: TargetView[],
  releases: Release[],
): InboxItem[] {
  const newest = new Map<string, Release>();
  for (const release of releases) {
    const known = newest.get(release.service);
    if (!known || known.createdAtMs < release.createdAtMs) {
      newest.set(release.service, release);
    }
  }
  const blocked = [...newest.values()].flatMap((release): InboxItem[] =>
    release.status === 'blocked' || release.status === 'errored'
      ? [
          {
            kind: release.status,
            service: release.service,
            title: release.version,
            message: release.reason?.message,
            sinceMs: release.finishedAtMs ?? release.createdAtMs,
            releaseId: release.id,
          },
        ]
      : [],
  );
  return [...targets.flatMap(ofTarget), ...blocked].sort(
    (a, b) =>
      ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) ||
      (a.sinceMs ?? 0) - (b.sinceMs ?? 0),
  );
}
