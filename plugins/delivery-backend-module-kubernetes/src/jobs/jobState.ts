import { JobState } from '@slipway/backstage-plugin-delivery-common';
import { KubeObject } from '../client';
import { mapping } from '../plan';

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

function isCondition(value: unknown): value is Condition {
  const { type, status } = mapping(value);
  return typeof type === 'string' && typeof status === 'string';
}

function timeOf(value: unknown): number | undefined {
  const atMs = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** How a run goes, from the Job's own conditions. Pure. */
export function readJobState(job: KubeObject): JobState {
  const status = mapping(job.status);
  const conditions = Array.isArray(status.conditions)
    ? status.conditions.filter(isCondition)
    : [];
  const holds = (type: string) =>
    conditions.find(
      condition => condition.type === type && condition.status === 'True',
    );
  const startedAtMs =
    timeOf(status.startTime) ?? timeOf(job.metadata.creationTimestamp);
  const base = startedAtMs === undefined ? {} : { startedAtMs };
  const complete = holds('Complete');
  if (complete) {
    return {
      ...base,
      phase: 'succeeded',
      finishedAtMs:
        timeOf(status.completionTime) ?? timeOf(complete.lastTransitionTime),
    };
  }
  const failed = holds('Failed');
  if (failed) {
    return {
      ...base,
      phase: 'failed',
      finishedAtMs: timeOf(failed.lastTransitionTime),
      message: [failed.reason, failed.message].filter(Boolean).join(': '),
    };
  }
  if (job.metadata.deletionTimestamp) {
    return { ...base, phase: 'lost', message: 'The Job is being deleted' };
  }
  return { ...base, phase: 'running' };
}
