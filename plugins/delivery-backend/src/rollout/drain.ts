import {
  RolloutState,
  TargetRecord,
} from '@slipway/backstage-plugin-delivery-common';
import {
  desiredReplicas,
  Draft,
  isReflected,
  LOOK_AGAIN_MS,
  note,
  wakeAt,
} from './draft';

/*
 * What served before is kept for an instant way back until its delay has
 * passed, and taken away only when three things are seen: the world reflects
 * our last write, the router gives it nothing, and stable is whole. A backend
 * that was away does not extend the delay; it is absolute.
 */

/** More copies than this are not kept, whatever their delay. */
export const MOST_DRAINING = 2;

/** How soon to look again while stable is not whole: nothing hurries then. */
const STABLE_NOT_WHOLE_MS = 5_000;

/** The newest are kept for their delay; older ones go as soon as it is safe. */
export function limitDraining(
  draining: TargetRecord['draining'],
  nowMs: number,
): TargetRecord['draining'] {
  const kept = draining.length - MOST_DRAINING;
  return draining.map((role, index) =>
    index < kept
      ? { ...role, removeAtMs: Math.min(role.removeAtMs, nowMs) }
      : role,
  );
}

/**
 * Leaves the candidate of a rollout that ends to the drain, as far as it is a
 * copy that is still asked for. What is in place is none: it is replaced by
 * what comes next.
 */
export function drainCandidate(draft: Draft, rollout: RolloutState): void {
  const { record, nowMs } = draft;
  const { candidate, goal } = rollout;
  const { generation } = candidate;
  if (
    goal?.delegated === undefined &&
    desiredReplicas(draft, generation) > 0 &&
    generation !== record.stable?.generation &&
    !record.draining.some(role => role.generation === generation)
  ) {
    record.draining.push({ ...candidate, removeAtMs: nowMs });
  }
}

/** Takes away what has drained. */
export function drain(draft: Draft): void {
  const { record, view, nowMs } = draft;
  if (record.draining.length === 0) {
    return;
  }
  const due = record.draining.filter(role => role.removeAtMs <= nowMs);
  for (const role of record.draining) {
    wakeAt(draft, role.removeAtMs > nowMs ? role.removeAtMs : undefined);
  }
  if (due.length === 0) {
    return;
  }
  if (!view || !isReflected(draft)) {
    wakeAt(draft, nowMs + LOOK_AGAIN_MS);
    return;
  }
  const { stable } = record;
  const whole = stable
    ? view.ready(stable.generation) >=
      (record.desired.generations.find(g => g.generation === stable.generation)
        ?.replicas ?? stable.replicas)
    : true;
  const gone = due.filter(role => {
    const proven = record.promoted.some(p => p.generation === role.generation);
    const serves =
      view.accepted(role.generation) > 0 ||
      view.routes.some(route => route.generation === role.generation) ||
      record.desired.shares.some(s => s.generation === role.generation);
    // A candidate that was superseded is no way back: it does not wait for
    // stable to be whole, only for its traffic to be gone.
    return !serves && (whole || !proven);
  });
  if (gone.length < due.length) {
    wakeAt(draft, nowMs + (whole ? LOOK_AGAIN_MS : STABLE_NOT_WHOLE_MS));
  }
  for (const role of gone) {
    note(draft, 'drained', `${role.generation} is taken away`, {
      deploymentId: role.deploymentId,
    });
  }
  record.draining = record.draining.filter(role => !gone.includes(role));
}
