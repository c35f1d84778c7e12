import {
  RolloutState,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import {
  activeRollout,
  currentStep,
  desiredShare,
  Draft,
  isSameAsStable,
} from './draft';
import { WorldView } from './worldView';

/*
 * Who gets which share of the traffic.
 *
 * The promise: a track never gets more than its ready capacity, and a track
 * with nothing ready gets none. A generation's ready capacity is the share of
 * its wanted replicas that is ready: 1 of 4 carries 25 %. Shares add up to 100
 * (or to 0 before anything serves), so the promise needs a rule for the case
 * in which all the capacity together is not enough:
 *
 * 1. every track gets what is asked for it, up to its capacity;
 * 2. what is left goes to tracks that serve already, up to their capacity
 *    (the ramp of an abort: the candidate keeps what stable cannot take yet,
 *    until the abort's deadline);
 * 3. what is still left goes to the first track that has anything ready:
 *    overloading the copy that serves is better than refusing for certain;
 * 4. with nothing ready anywhere, stable keeps it. No request reaches it,
 *    because routers only use ready instances; but it serves the moment it is
 *    back, even when the backend is away then.
 *
 * A candidate that was never given traffic on purpose inherits none.
 *
 * Where requests are divided by the number of instances, a candidate has no more
 * of them than its share allows. Then its share comes first, and the instances
 * follow: held back until they are there, none of the two would ever move.
 * Nothing is overloaded by that, as each ready instance carries the same.
 */

/** Less than this is the error of adding fractions, not traffic. */
const ROUNDING = 1e-6;

interface Claim {
  generation: string;
  ready: number;
  /** Percent that it can carry. */
  capacity: number;
  /** Percent that the steps ask for. */
  want: number;
  /** May get more than it asks for, up to its capacity. */
  backup: boolean;
  /** May get everything when the ones before it have nothing ready. */
  heir: boolean;
}

/**
 * The shares that the goals ask for, as far as ready capacity allows.
 * `replicas` is what the desired state in the making asks for: an instance
 * that is about to be taken away is no capacity any more.
 */
export function allocateShares(
  draft: Draft,
  view: WorldView,
  replicas: Map<string, number>,
): TrafficShare[] {
  const usable = (generation: string) =>
    Math.min(view.ready(generation), replicas.get(generation) ?? 0);
  const { stable, draining } = draft.record;
  const rollout = activeRollout(draft);
  const claims: Claim[] = [];

  const candidate =
    rollout && !isSameAsStable(draft, rollout) ? rollout : undefined;
  const candidateWant = candidate ? wantOf(candidate, draft, usable) : 0;

  if (stable) {
    const ready = Math.min(
      usable(stable.generation),
      rollout?.goal?.stableAtMost ?? Infinity,
    );
    claims.push({
      generation: stable.generation,
      ready,
      capacity: isRolling(candidate)
        ? readyCapacity(ready, 1)
        : readyCapacity(ready, stable.replicas),
      want: 100 - candidateWant,
      backup: false,
      heir: true,
    });
  }
  if (candidate) {
    const { generation } = candidate.candidate;
    const ready = usable(generation);
    const serves = desiredShare(draft, generation) > 0;
    const leaving = candidate.abort
      ? draft.nowMs < candidate.abort.deadlineMs
      : isBeforeItsFirstStep(candidate);
    claims.push({
      generation,
      ready,
      capacity:
        isRolling(candidate) ||
        (!stable && candidateWant > 0) ||
        isFollowed(candidate, candidateWant, view)
          ? readyCapacity(ready, 1)
          : readyCapacity(ready, candidate.candidate.replicas),
      want: candidateWant,
      backup: leaving && serves,
      heir: serves || (candidate.phase === 'stepping' && candidateWant > 0),
    });
  }
  for (const role of [...draining].reverse()) {
    const ready = usable(role.generation);
    const serves = desiredShare(draft, role.generation) > 0;
    const proven = draft.record.promoted.some(
      p => p.generation === role.generation,
    );
    claims.push({
      generation: role.generation,
      ready,
      capacity: readyCapacity(ready, role.replicas),
      want: 0,
      backup: serves,
      heir: serves || proven,
    });
  }
  return divide(claims, stable?.generation);
}

/** Pure arithmetic of the rules above; `last` keeps what nobody can carry. */
function divide(claims: Claim[], last: string | undefined): TrafficShare[] {
  const given = claims.map(claim => Math.min(claim.want, claim.capacity));
  let left = 100 - given.reduce((sum, percent) => sum + percent, 0);
  claims.forEach((claim, index) => {
    if (claim.backup && left > ROUNDING) {
      const more = Math.min(left, claim.capacity - given[index]);
      given[index] += more;
      left -= more;
    }
  });
  if (left > ROUNDING) {
    const heir = claims.findIndex(claim => claim.heir && claim.ready > 0);
    const index =
      heir >= 0 ? heir : claims.findIndex(claim => claim.generation === last);
    if (index >= 0) {
      given[index] += left;
    }
  }
  return claims
    .map(({ generation }, index) => ({ generation, percent: given[index] }))
    .filter(({ percent }) => percent > 0);
}

/** What ready instances carry, in whole percents, rounded down. */
export function readyCapacity(ready: number, replicas: number): number {
  if (ready <= 0) {
    return 0;
  }
  return Math.min(100, Math.floor((100 * ready) / Math.max(1, replicas)));
}

function isRolling(rollout: RolloutState | undefined): boolean {
  return (
    rollout?.phase === 'stepping' && rollout.goal?.stableReplicas !== undefined
  );
}

/**
 * Whether the candidate's instances follow its share. Once it is seen to have
 * everything, nobody else carries what it cannot.
 */
function isFollowed(
  { phase, candidate }: RolloutState,
  want: number,
  view: WorldView,
): boolean {
  return (
    view.byInstances &&
    phase === 'stepping' &&
    (want < 100 || view.accepted(candidate.generation) < 100)
  );
}

/** Started again with the same generation, and the way to weight 0 is still going on. */
function isBeforeItsFirstStep(rollout: RolloutState): boolean {
  return rollout.stepIndex === 0 && currentStep(rollout)?.status === 'pending';
}

/** Percent that the candidate should have now. */
function wantOf(
  rollout: RolloutState,
  draft: Draft,
  usable: (generation: string) => number,
): number {
  if (rollout.phase === 'aborting') {
    return 0;
  }
  const percent = rollout.goal?.percent ?? 0;
  const { stable } = draft.record;
  if (!isRolling(rollout) || percent >= 100 || !stable) {
    return percent;
  }
  // Batch by batch, every ready instance carries the same.
  const ready = usable(rollout.candidate.generation);
  const all = ready + usable(stable.generation);
  return all === 0 ? 0 : Math.floor((100 * ready) / all);
}
