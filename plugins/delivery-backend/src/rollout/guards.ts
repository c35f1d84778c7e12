import { RolloutState } from '@slipway/backstage-plugin-delivery-common';
import { startAbort } from './abort';
import { Draft, isSameAsStable } from './draft';
import { crashLooping, digestMismatch } from './reasons';
import { WorldView } from './worldView';

/** An instance that ended this often will not get well by waiting. */
const CRASH_LOOP_RESTARTS = 3;

/**
 * What ends a rollout at any step, also a paused one: a candidate that keeps
 * crashing, or one that runs other bytes than those that were scanned.
 */
export function guardCandidate(
  draft: Draft,
  rollout: RolloutState,
  view: WorldView,
): void {
  if (rollout.phase !== 'stepping' || isSameAsStable(draft, rollout)) {
    return;
  }
  const { generation, digests } = rollout.candidate;
  const state = view.state(generation);
  // What is left of an earlier attempt with the same generation does not
  // speak for this one before it was asked for.
  if (!state || (rollout.goal?.replicas ?? 0) === 0) {
    return;
  }
  for (const instance of state.instances) {
    for (const [image, found] of Object.entries(instance.digests ?? {})) {
      const expected = digests[image];
      if (expected !== undefined && found !== expected) {
        startAbort(
          draft,
          rollout,
          'rolled-back',
          digestMismatch({ instanceId: instance.id, image, expected, found }),
        );
        return;
      }
    }
  }
  // One that starts quickly may never be seen while it is down, so what is new
  // is judged by how often it ended. Instances of what once was stable may have
  // ended long ago.
  const wasStable = draft.record.promoted.some(
    promoted => promoted.generation === generation,
  );
  const looping = state.instances.find(
    ({ ready, restarts, phase, cause }) =>
      (!ready && cause?.code === 'crash-loop') ||
      (restarts >= CRASH_LOOP_RESTARTS &&
        (!wasStable || (!ready && phase === 'backing-off'))),
  );
  if (looping) {
    startAbort(draft, rollout, 'rolled-back', crashLooping(state, looping.id));
  }
}
