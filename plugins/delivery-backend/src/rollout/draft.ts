import {
  Reason,
  RolloutState,
  StepState,
  TargetRecord,
} from '@slipway/backstage-plugin-delivery-common';
import { DecideInput, DecideOutput, RolloutEvent } from './types';
import { WorldView } from './worldView';

/**
 * One decision in the making. It owns a copy of the record, so the rooms below
 * may change it in place while `decide` stays pure.
 */
export interface Draft {
  readonly input: DecideInput;
  readonly nowMs: number;
  readonly record: TargetRecord;
  /** Absent while the world is not known. */
  view?: WorldView;
  /** The desired state differs from the one that was given. */
  moved: boolean;
  readonly events: RolloutEvent[];
  readonly answers: DecideOutput['answers'];
  readonly finished: DecideOutput['finished'];
  readonly wakes: number[];
}

/** How soon to look again at something that is expected any moment. */
export const LOOK_AGAIN_MS = 1_000;

/** A draft of the decision on `input`; the input is never changed. */
export function openDraft(input: DecideInput): Draft {
  return {
    input,
    nowMs: input.nowMs,
    record: structuredClone(input.record),
    moved: false,
    events: [],
    answers: [],
    finished: [],
    wakes: [],
  };
}

/** The rollout that is still going on. */
export function activeRollout(draft: Draft): RolloutState | undefined {
  const { rollout } = draft.record;
  return rollout && rollout.phase !== 'finished' ? rollout : undefined;
}

/** The step the rollout stands at. */
export function currentStep(rollout: RolloutState): StepState | undefined {
  return rollout.steps[rollout.stepIndex];
}

/** What the steps so far ask for; nothing before the first one. */
export function goalOf({
  goal = { replicas: 0, percent: 0 },
}: RolloutState): NonNullable<RolloutState['goal']> {
  return goal;
}

/** Looks again at this time at the latest. */
export function wakeAt(draft: Draft, atMs: number | undefined): void {
  if (atMs !== undefined) {
    draft.wakes.push(atMs);
  }
}

/** Writes a line of the timeline about the rollout. */
export function note(
  draft: Draft,
  type: string,
  message: string,
  options: {
    level?: RolloutEvent['level'];
    reason?: Reason;
    deploymentId?: string;
  } = {},
): void {
  const { level = 'info', reason } = options;
  const deploymentId =
    options.deploymentId ?? draft.record.rollout?.deploymentId;
  draft.events.push({
    type,
    message,
    level,
    ...(deploymentId ? { deploymentId } : {}),
    ...(reason ? { reason } : {}),
  });
}

/**
 * Whether the world has seen our last write. Nothing may be concluded, and no
 * step may advance, as long as it has not.
 */
export function isReflected(draft: Draft): boolean {
  return (
    !draft.moved &&
    draft.view !== undefined &&
    draft.view.reflects >= draft.record.desired.revision
  );
}

/** How many instances of a generation the desired state asks for. */
export function desiredReplicas(draft: Draft, generation: string): number {
  return (
    draft.record.desired.generations.find(g => g.generation === generation)
      ?.replicas ?? 0
  );
}

/** The share that the desired state gives a generation, 0..100. */
export function desiredShare(draft: Draft, generation: string): number {
  return (
    draft.record.desired.shares.find(s => s.generation === generation)
      ?.percent ?? 0
  );
}

/** The candidate is what is stable already: nothing to roll, only to verify. */
export function isSameAsStable(draft: Draft, rollout: RolloutState): boolean {
  return draft.record.stable?.generation === rollout.candidate.generation;
}
