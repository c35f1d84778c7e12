import {
  DelegatedState,
  GenerationState,
  HealthCause,
  JobState,
  Reason,
} from '@slipway/backstage-plugin-delivery-common';

/*
 * Sentences for tired people: what happened, with the numbers and the last
 * thing the instance itself said. The codes are for programs and stay.
 */

/** "40 s", "1 min 30 s", "2 h" */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) {
    return seconds % 60 === 0 && seconds > 0
      ? `${seconds / 60} min`
      : `${seconds} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) {
    return seconds % 60 === 0
      ? `${minutes} min`
      : `${minutes} min ${seconds % 60} s`;
  }
  return minutes % 60 === 0
    ? `${minutes / 60} h`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The most telling cause: of an instance that is not ready, else of the generation. */
function causeOf(state: GenerationState | undefined): HealthCause | undefined {
  const instances = state?.instances ?? [];
  return (
    instances.find(i => !i.ready && i.cause?.evidence)?.cause ??
    instances.find(i => !i.ready && i.cause)?.cause ??
    state?.cause
  );
}

function withCause(reason: Reason, cause: HealthCause | undefined): Reason {
  if (!cause) {
    return reason;
  }
  return {
    ...reason,
    message: `${reason.message}: ${cause.summary}`,
    ...(cause.evidence ? { evidence: cause.evidence } : {}),
    ...(cause.action ? { action: cause.action } : {}),
  };
}

/** The candidate did not become ready in time. */
export function progressDeadlineExceeded(options: {
  wanted: number;
  ready: number;
  windowMs: number;
  state: GenerationState | undefined;
}): Reason {
  const { wanted, ready, windowMs, state } = options;
  return withCause(
    {
      code: 'progress-deadline-exceeded',
      message: `${ready} of ${wanted} new instance${
        wanted === 1 ? '' : 's'
      } ready, no progress for ${formatDuration(windowMs)}`,
    },
    causeOf(state),
  );
}

/** The candidate starts and dies again and again. */
export function crashLooping(
  state: GenerationState,
  instanceId: string,
): Reason {
  const instance = state.instances.find(i => i.id === instanceId);
  const restarts = instance?.restarts ?? 0;
  return withCause(
    {
      code: 'crash-loop',
      message: `Instance ${instanceId} of the new release keeps crashing${
        restarts > 0 ? ` (${restarts} restarts)` : ''
      }`,
      action: 'Read the logs of the instance for why it exits',
    },
    instance?.cause ?? state.cause,
  );
}

/** What runs is not what was scanned and pushed. */
export function digestMismatch(options: {
  instanceId: string;
  image: string;
  expected: string;
  found: string;
}): Reason {
  const { instanceId, image, expected, found } = options;
  return {
    code: 'digest-mismatch',
    message: `Instance ${instanceId} runs another image than the release: "${image}" is ${found}, expected ${expected}`,
    evidence: `expected ${expected}, found ${found}`,
    action:
      'Find out who moved the image or changed the workload; nothing else than the scanned digest may serve',
  };
}

/** The instances are ready, but the router does not do what was asked. */
export function trafficNotVerified(windowMs: number): Reason {
  return {
    code: 'traffic-not-verified',
    message: `The router has not taken the traffic shares that were asked for ${formatDuration(
      windowMs,
    )}; the release itself looks well`,
    action: 'Check the router, then retry the step, or abort',
  };
}

/** Our own write does not arrive in the world. */
export function notConverged(windowMs: number): Reason {
  return {
    code: 'world-not-converged',
    message: `What was asked has not been applied for ${formatDuration(
      windowMs,
    )}; nothing can be said about the release`,
    action: 'Check the connection of the environment, then retry, or abort',
  };
}

/** Instances that should go do not go, or something else that is not the release. */
export function rollStuck(windowMs: number): Reason {
  return {
    code: 'roll-stuck',
    message: `The new instances are ready, but replacing the old ones made no progress for ${formatDuration(
      windowMs,
    )}`,
    action: 'Check the old instances, then retry the step, or abort',
  };
}

/** The controller that leads says that it did not work out. */
export function controllerGaveUp(
  leader: string,
  delegated: DelegatedState,
  state: GenerationState | undefined,
): Reason {
  return withCause(
    {
      code:
        delegated.phase === 'rolled-back'
          ? 'controller-rolled-back'
          : 'controller-gave-up',
      message: `${leader}: ${delegated.message}`,
    },
    causeOf(state) ?? delegated.cause,
  );
}

/** Somebody else has changed what is in place. */
export function controllerTakenOver(
  leader: string,
  delegated: DelegatedState,
): Reason {
  return {
    code: 'foreign-rollout',
    message: `Somebody else has asked ${leader} for something else: ${delegated.message}`,
    action:
      'Retry to bring this release in place again, or abort to bring the one before',
  };
}

/** The world cannot be seen. */
export function worldUnknown(
  what: string,
  sinceMs: number,
  nowMs: number,
): Reason {
  return {
    code: 'world-unknown',
    message: `Cannot see ${what} (for ${formatDuration(nowMs - sinceMs)})`,
    action:
      'Nothing is changed until it is seen again; check the connection of the environment',
  };
}

/** The judge never spoke. */
export function analysisOverdue(deadlineMs: number, nowMs: number): Reason {
  return {
    code: 'analysis-overdue',
    message: `The analysis has given no verdict ${formatDuration(
      nowMs - deadlineMs,
    )} after it was due`,
    action: 'Retry to measure again, promote to go on without it, or abort',
  };
}

/** Nobody decided. */
export function pauseCeilingReached(ceilingMs: number): Reason {
  return {
    code: 'pause-ceiling',
    message: `Paused for ${formatDuration(
      ceilingMs,
    )} without a decision; going back so that the target is free`,
    action: 'Retry to start again from the first step',
  };
}

/** The way back is blocked: nothing but the candidate can serve. */
export function stableUnavailable(state: GenerationState | undefined): Reason {
  return withCause(
    {
      code: 'stable-unavailable',
      message:
        'Going back is not possible: nothing of the stable release is ready; the candidate keeps the traffic',
      action:
        'Repair stable (it goes back by itself then), promote fully to keep the candidate, or cancel to leave it at that',
    },
    causeOf(state),
  );
}

/** The way back is late for a technical cause. */
export function goingBackIsLate(windowMs: number): Reason {
  return {
    code: 'abort-not-verified',
    message: `Traffic has not been verified to be back on stable for ${formatDuration(
      windowMs,
    )}; it is tried on`,
    action: 'Check the router and the connection of the environment',
  };
}

/** The exit of a Job is a verdict on the release. */
export function hookFailed(job: string, state: JobState): Reason {
  return withLines(
    {
      code: 'hook-failed',
      message: `The job "${job}" failed${
        state.message ? `: ${state.message}` : ''
      }`,
      action: 'Read the last lines of the job; a retry runs it again',
    },
    state,
  );
}

/** A Job that runs on and on. */
export function hookOverdue(
  job: string,
  deadlineMs: number,
  state: JobState,
): Reason {
  return withLines(
    {
      code: 'hook-deadline-exceeded',
      message: `The job "${job}" has not ended within ${formatDuration(
        deadlineMs,
      )}`,
      action: 'Give it a longer deadline, or find out what it waits for',
    },
    state,
  );
}

/** It ran, and nobody saw how it ended. */
export function hookLost(job: string, state: JobState): Reason {
  return withLines(
    {
      code: 'hook-lost',
      message: `Whether the job "${job}" has succeeded is not known${
        state.message ? `: ${state.message}` : ''
      }`,
      action:
        'Look at what it has done: skip the step if it is complete, retry to run it again, or abort',
    },
    state,
  );
}

/** We could not start it, or not see whether it runs. */
export function hookNotStarted(
  job: string,
  deadlineMs: number,
  why: string | undefined,
): Reason {
  return {
    code: 'hook-not-started',
    message: `The job "${job}" is not known to run after ${formatDuration(
      deadlineMs,
    )}${why ? `: ${why}` : ''}`,
    action: 'Check the connection of the environment, then retry, or abort',
  };
}

function withLines(reason: Reason, { lastLines = [] }: JobState): Reason {
  return lastLines.length > 0
    ? { ...reason, evidence: lastLines.join('\n') }
    : reason;
}

/** A person said no. */
export function byPerson(
  code: 'aborted' | 'cancelled',
  actor: string,
  why: string | undefined,
): Reason {
  const verb = code === 'aborted' ? 'Aborted' : 'Cancelled';
  return {
    code,
    message: why ? `${verb} by ${actor}: ${why}` : `${verb} by ${actor}`,
  };
}
