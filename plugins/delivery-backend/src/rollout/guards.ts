import { RolloutState } from '@slipway/backstage-plugin-delivery-common';
import { startAbort } from './abort';
import { Draft, isSameAsStable } from './draft';
import { crashLooping, digestMismatch } from './reasons';
import { WorldView } from './worldView';

/** An instance that backs off after this many restarts will not get well by waiting. */
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
  const looping = state.instances.find(
    instance =>
      !instance.ready &&
      (instance.cause?.code === 'crash-loop' ||
        (instance.phase === 'backing-off' &&
          instance.restarts >= CRASH_LOOP_RESTARTS)),
  );
  if (looping) {
    startAbort(draft, rollout, 'rolled-back', crashLooping(state, looping.id));
  }
}
