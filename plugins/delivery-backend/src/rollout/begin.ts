import {
  GenerationRole,
  Reason,
  RolloutState,
  StepModel,
  StepState,
} from '@slipway/backstage-plugin-delivery-common';
import { activeRollout, desiredReplicas, Draft, note } from './draft';
import { drainCandidate } from './drain';
import { finish } from './finish';
import { withHooks } from './hooks';
import { lower } from './lower';
import { RolloutRequest } from './types';

/*
 * A new rollout. The stable generation stays what it was, also when a rollout
 * is superseded at 80 %: stable is what was promoted last, nothing else. The
 * superseded candidate keeps running until the router is seen to give it
 * nothing (it drains with a delay of zero), and only then the new rollout's
 * first step begins.
 */

/** Starts a rollout, superseding the one that is going on. */
export function begin(draft: Draft, request: RolloutRequest): void {
  const { record, nowMs } = draft;
  const superseded = supersede(draft, request);
  const { stable } = record;
  const { strategy, kind, hooks = [] } = request;
  const { generation } = request.candidate;
  const same = stable?.generation === generation;
  const drained = record.draining.find(role => role.generation === generation);
  const candidate = place(draft, request, same ? stable : drained);
  const proven = record.promoted.some(p => p.generation === generation);
  record.draining = record.draining.filter(role => role !== drained);

  const program = same
    ? {
        steps: [{ type: 'promote', scaleDownDelayMs: 0 }] as StepModel[],
        background: undefined,
      }
    : withHooks(
        lower(candidate.inPlace ? request : { strategy }, stable),
        hooks,
      );
  const shortcut = shortcutOf(draft, request, drained !== undefined && proven);
  const rollout: RolloutState = {
    deploymentId: request.deploymentId,
    attempt: request.attempt,
    kind,
    strategy,
    candidate,
    phase: 'stepping',
    steps: program.steps.map((step, index) => ({
      index,
      step,
      status: 'pending',
    })),
    stepIndex: 0,
    goal: {
      // Instances of it that run already go on running.
      replicas: same ? 0 : desiredReplicas(draft, generation),
      percent: 0,
      ...stableAtMost(superseded),
      // The controller goes over to this one at once; another copy's traffic
      // would have to be seen elsewhere first.
      ...(superseded?.goal?.delegated &&
      isDelegated(program.steps) &&
      program.steps[0].type !== 'hook'
        ? { delegated: 'running', replicas: candidate.replicas }
        : {}),
    },
    startedAtMs: nowMs,
    progressDeadlineWindowMs: request.progressDeadlineMs,
    progressDeadlineMs: nowMs + request.progressDeadlineMs,
    analyses: [],
  };
  if (shortcut && stable && !same) {
    skipToEverything(rollout.steps, shortcut, nowMs);
  } else if (program.background && stable) {
    rollout.backgroundFromIndex = program.background.fromIndex;
  }
  leaveOutHooks(rollout, nowMs);
  record.rollout = rollout;
  note(draft, 'rollout-started', sayStart(draft, rollout, superseded, same));
  if (shortcut && stable && !same) {
    note(draft, 'steps-skipped', shortcut.message, { reason: shortcut });
  }
}

/**
 * What another controller leads runs in place, as long as that is free: what
 * drains there is a way back. What runs already stays where it is.
 */
function place(
  { record }: Draft,
  { candidate, delegated }: RolloutRequest,
  running: GenerationRole | undefined,
): GenerationRole {
  const isFree = !record.draining.some(role => role.inPlace);
  const inPlace = running ? running.inPlace : delegated && isFree;
  return inPlace ? { ...candidate, inPlace: true } : candidate;
}

function isDelegated(steps: StepModel[]): boolean {
  return steps.some(({ type }) => type === 'delegate');
}

/** Only what is new is migrated to; the way back must do with what is there. */
function leaveOutHooks(rollout: RolloutState, nowMs: number): void {
  if (rollout.kind === 'deploy') {
    return;
  }
  for (const state of rollout.steps) {
    if (state.step.type === 'hook' && state.status === 'pending') {
      skipStep(
        state,
        {
          code: 'hook-left-out',
          message: `A ${rollout.kind} runs no jobs: they belong to the deployment of a release`,
        },
        nowMs,
      );
    }
  }
}

/** How far the superseded rollout has taken stable down. */
function stableAtMost(superseded: RolloutState | undefined): {
  stableAtMost?: number;
} {
  const { stableReplicas, stableAtMost: before } = superseded?.goal ?? {};
  const most = stableReplicas ?? before;
  return most === undefined ? {} : { stableAtMost: most };
}

/** Ends the active rollout in favour of the request; its candidate loses its traffic first. */
function supersede(
  draft: Draft,
  request: RolloutRequest,
): RolloutState | undefined {
  const active = activeRollout(draft);
  if (!active) {
    return undefined;
  }
  if (active.phase === 'aborting' && active.abort) {
    // It was judged already; a newer release does not make that undone.
    finish(draft, active, active.abort.outcome, active.abort.reason);
  } else {
    finish(draft, active, 'superseded', {
      code: 'superseded',
      message: `Superseded by ${nameOf(request.candidate)}`,
    });
  }
  drainCandidate(draft, active);
  return active;
}

/** Why this rollout needs no pauses and analyses, if that is so. */
function shortcutOf(
  draft: Draft,
  { kind, candidate, strategy }: RolloutRequest,
  stillRuns: boolean,
): Reason | undefined {
  if (stillRuns) {
    return {
      code: 'instant-way-back',
      message:
        'This release was promoted here before and still runs: traffic goes back to it at once, without pauses and analyses',
    };
  }
  if (kind !== 'rollback' || strategy.type === 'rolling') {
    return undefined;
  }
  const { promoted, stable } = draft.record;
  const before = [...new Set(promoted.map(p => p.planId))].filter(
    planId => planId !== stable?.planId,
  );
  if (!before.slice(0, strategy.rollbackWindow).includes(candidate.planId)) {
    return undefined;
  }
  return {
    code: 'rollback-window',
    message: `Going back to one of the last ${strategy.rollbackWindow} promoted releases: pauses and analyses are skipped`,
  };
}

/** Steps that bring the candidate to everything by themselves. */
const REPLACING: Array<StepModel['type']> = ['promote', 'roll', 'delegate'];

/**
 * Leaves the last scale and weight before the promotion, which bring the
 * candidate to everything; with a rolling strategy, the roll.
 */
export function skipToEverything(
  steps: StepState[],
  reason: Reason,
  nowMs: number,
  options: { fromIndex?: number; keepHooks?: boolean } = {},
): void {
  const { fromIndex = 0, keepHooks = false } = options;
  const lastOf = (type: StepModel['type']) =>
    steps.reduce(
      (last, state) => (state.step.type === type ? state.index : last),
      -1,
    );
  const keep = new Set([
    lastOf('scale'),
    lastOf('weight'),
    ...steps
      .filter(
        ({ step }) =>
          REPLACING.includes(step.type) || (keepHooks && step.type === 'hook'),
      )
      .map(({ index }) => index),
  ]);
  for (const state of steps.slice(fromIndex)) {
    const isOpen = state.status === 'pending' || state.status === 'active';
    if (isOpen && !keep.has(state.index)) {
      skipStep(state, reason, nowMs);
    }
  }
}

/** Marks a step as passed over; never without saying why. */
export function skipStep(
  state: StepState,
  reason: Reason,
  nowMs: number,
): void {
  state.status = 'skipped';
  state.reason = reason;
  state.finishedAtMs = nowMs;
}

function sayStart(
  draft: Draft,
  rollout: RolloutState,
  superseded: RolloutState | undefined,
  same: boolean,
): string {
  const { candidate } = rollout;
  const name = nameOf(candidate);
  if (same) {
    return `${name} is stable already: nothing to roll`;
  }
  if (!draft.record.stable) {
    return `First deployment (initial): ${name}`;
  }
  if (superseded?.candidate.generation === candidate.generation) {
    return `${name} starts again from the first step`;
  }
  return superseded
    ? `${name} supersedes ${nameOf(
        superseded.candidate,
      )}, whose traffic goes to stable first`
    : `Rollout of ${name} begins`;
}

function nameOf({ version, releaseId }: GenerationRole): string {
  return version ?? `release ${releaseId}`;
}
