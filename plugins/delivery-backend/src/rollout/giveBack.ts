import {
  Actor,
  GiveBackProgress,
  Reason,
  TargetRecord,
} from '@slipway/backstage-plugin-delivery-common';
import { PAUSE_CEILING_MS } from './deadlines';
import { formatDuration } from './reasons';
import { RolloutEvent } from './types';

/*
 * When giving back ends. It has until a deadline; then it stops where it is,
 * which changes nothing of what serves, and a person is asked: to have it tried
 * again, or to take over. Where nobody decides it is ours again in the end, as
 * nothing else could be deployed there: without the right to take anything from
 * others, so that what became theirs meanwhile is told and not written over.
 */

/** Pods are made anew twice, and gateways turn: for what is well that is minutes. */
export const GIVE_BACK_DEADLINE_MS = 30 * 60_000;

/** What the environment says of giving back: how far it is, or what failed. */
export interface GiveBackStep {
  done: boolean;
  message: string;
}

export type GiveBackDecision =
  /** It is given back. */
  | { next: 'done' }
  /** The next step, or a person's decision, is waited for. */
  | { next: 'wait'; giveBack: GiveBackProgress; event?: RolloutEvent }
  /** Nobody decided: it is ours again. */
  | { next: 'keep'; record: TargetRecord; event: RolloutEvent };

export function startGiveBack(options: {
  by: Actor;
  planId: string;
  nowMs: number;
}): GiveBackProgress {
  const { by, planId, nowMs } = options;
  return {
    by,
    sinceMs: nowMs,
    planId,
    deadlineMs: nowMs + GIVE_BACK_DEADLINE_MS,
  };
}

/** A person has it tried again: it goes on where it stopped, with all the time. */
export function retryGiveBack(
  { planId, sinceMs, message }: GiveBackProgress,
  { by, nowMs }: { by: Actor; nowMs: number },
): GiveBackProgress {
  return {
    by,
    sinceMs,
    planId,
    ...(message !== undefined && { message }),
    deadlineMs: nowMs + GIVE_BACK_DEADLINE_MS,
  };
}

/** Before its deadline steps are taken, after it none. */
export function isStepDue({ overdue }: GiveBackProgress): boolean {
  return overdue === undefined;
}

/** Decides how giving back goes on. Pure. */
export function decideGiveBack(options: {
  record: TargetRecord;
  giveBack: GiveBackProgress;
  /** The step that was taken; absent: none was due. */
  step?: GiveBackStep;
  nowMs: number;
}): GiveBackDecision {
  const { record, giveBack, step, nowMs } = options;
  if (step?.done) {
    return { next: 'done' };
  }
  const { overdue } = giveBack;
  if (overdue) {
    return nowMs < overdue.deadlineMs
      ? { next: 'wait', giveBack }
      : nobodyDecided(record, overdue.reason, nowMs);
  }
  const deadlineMs = deadlineOf(giveBack);
  const now: GiveBackProgress = {
    ...giveBack,
    ...(step && { message: step.message }),
    deadlineMs,
  };
  if (nowMs < deadlineMs) {
    return { next: 'wait', giveBack: now };
  }
  const reason = giveBackOverdue(now);
  return {
    next: 'wait',
    giveBack: {
      ...now,
      overdue: {
        sinceMs: nowMs,
        reason,
        deadlineMs: nowMs + PAUSE_CEILING_MS,
      },
    },
    event: {
      type: 'give-back-overdue',
      level: 'error',
      message: reason.message,
      reason,
      ...ofStable(record),
    },
  };
}

/** When something is decided even when nothing changes. */
export function giveBackDeadlineMs(giveBack: GiveBackProgress): number {
  return giveBack.overdue?.deadlineMs ?? deadlineOf(giveBack);
}

/**
 * The record of a target that is not given back after all. `force`: a person
 * took over, so what others have meanwhile is written over, once.
 */
export function keepTarget(
  { giveBack, ...record }: TargetRecord,
  { force, nowMs }: { force: boolean; nowMs: number },
): TargetRecord {
  return {
    ...record,
    // What giving back wrote is older than what is written now.
    desired: { ...record.desired, revision: record.desired.revision + 2 },
    ...(force && {
      conflict: {
        message: 'It was being given back',
        sinceMs: giveBack?.sinceMs ?? nowMs,
        takeOver: true as const,
      },
    }),
  };
}

function nobodyDecided(
  record: TargetRecord,
  reason: Reason,
  nowMs: number,
): GiveBackDecision & { next: 'keep' } {
  return {
    next: 'keep',
    record: keepTarget(record, { force: false, nowMs }),
    event: {
      type: 'give-back-ended',
      level: 'warning',
      message: `It is not given back and ours again, as nobody decided for ${formatDuration(
        PAUSE_CEILING_MS,
      )}. ${reason.message}`,
      reason,
      ...ofStable(record),
    },
  };
}

/** Begun before there were deadlines: the time counts from its beginning. */
function deadlineOf({ deadlineMs, sinceMs }: GiveBackProgress): number {
  return deadlineMs ?? sinceMs + GIVE_BACK_DEADLINE_MS;
}

function giveBackOverdue({ message }: GiveBackProgress): Reason {
  return {
    code: 'give-back-overdue',
    message: `It is not given back after ${formatDuration(
      GIVE_BACK_DEADLINE_MS,
    )}: ${message ?? 'the environment has not said what it waits for'}`,
    action: `See to what it waits for, then give it back once more; or take over to keep it. Without a decision it is ours again after ${formatDuration(
      PAUSE_CEILING_MS,
    )}`,
  };
}

function ofStable({ stable }: TargetRecord): { deploymentId?: string } {
  return stable ? { deploymentId: stable.deploymentId } : {};
}
