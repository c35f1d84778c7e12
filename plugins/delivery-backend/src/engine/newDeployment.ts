import { createHash, randomUUID } from 'node:crypto';
import {
  Actor,
  Deployment,
  Release,
  TargetRef,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { NewDeployment } from './changes';

/**
 * The id follows from target and key, so that a request that is sent twice can
 * be found again before anything else is looked at.
 */
export function deploymentIdOf(
  target: TargetRef,
  idempotencyKey: string | undefined,
): string {
  if (idempotencyKey === undefined) {
    return randomUUID();
  }
  const hex = createHash('sha256')
    .update(JSON.stringify([stringifyTarget(target), idempotencyKey]))
    .digest('hex');
  // The layout of an UUID of version 8 (RFC 9562): ours to fill.
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

/** A deployment that waits for its turn. */
export function newDeployment(options: {
  /** Absent: it follows from the key. */
  id?: string;
  target: TargetRef;
  release: Pick<Release, 'id' | 'version' | 'commit'>;
  kind: Deployment['kind'];
  actor: Actor;
  cause: string;
  idempotencyKey?: string;
  planId?: string;
  previousReleaseId?: string;
  nowMs: number;
  startDeadlineMs: number;
}): NewDeployment {
  const { target, release, nowMs } = options;
  const id = options.id ?? deploymentIdOf(target, options.idempotencyKey);
  return {
    id,
    service: target.service,
    environment: target.environment,
    releaseId: release.id,
    releaseVersion: release.version,
    commitSha: release.commit.sha,
    ...(options.planId ? { planId: options.planId } : {}),
    kind: options.kind,
    status: 'queued',
    cause: options.cause,
    createdBy: options.actor,
    createdAtMs: nowMs,
    deadlineMs: nowMs + options.startDeadlineMs,
    ...(options.previousReleaseId
      ? { previousReleaseId: options.previousReleaseId }
      : {}),
    rowVersion: 1,
    idempotencyKey: options.idempotencyKey ?? id,
  };
}
