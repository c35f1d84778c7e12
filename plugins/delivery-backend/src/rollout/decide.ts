import { Desired } from '@slipway/backstage-plugin-delivery-common';
import { begin } from './begin';
import { answerCommands } from './commands';
import { arrangeDesired, forgetDetours } from './desired';
import { drain } from './drain';
import {
  activeRollout,
  desiredReplicas,
  Draft,
  isReflected,
  LOOK_AGAIN_MS,
  openDraft,
  wakeAt,
} from './draft';
import { guardCandidate } from './guards';
import { advance } from './interpreter';
import { sameRoutes } from './routes';
import { DecideInput, DecideOutput } from './types';
import { heedKnown, heedUnknown } from './unknown';
import { heedVerdicts } from './verdicts';
import { viewWorld, WorldView } from './worldView';

/*
 * The functional core. Level-triggered: each decision looks at the record and
 * the world as they are, changes goals and roles, and arranges one desired
 * state from them. Several steps may pass in one decision, as long as none of
 * them changes the desired state: a change must be seen in the world before
 * anything is concluded from it.
 */

/** The shell writes right after a decision; most worlds show it at once. */
const AFTER_WRITE_MS = 20;
const NOT_SEEN_YET_MS = 250;

/** Pokes from the live room come sooner; a broken stable must not cost a look each second. */
const SELDOM_MS = 5_000;

/** More transitions than any program has in one decision: a loop is a bug. */
const MOST_LOOKS = 500;

/**
 * Decides what a Target should look like, from its record and what is seen.
 * Pure: no I/O, no clock, no randomness; the input is not changed.
 */
export function decide(input: DecideInput): DecideOutput {
  const draft = openDraft(input);
  if (input.start) {
    begin(draft, input.start);
  }
  answerCommands(draft, input.commands);

  const seen = viewWorld(input.world);
  if ('unknown' in seen) {
    heedUnknown(draft, seen.unknown);
    heedVerdictsOf(draft);
  } else {
    draft.view = seen.view;
    heedKnown(draft);
    run(draft);
  }
  return close(draft);
}

function heedVerdictsOf(draft: Draft): void {
  const rollout = activeRollout(draft);
  if (rollout) {
    heedVerdicts(draft, rollout);
  }
}

function run(draft: Draft): void {
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    drain(draft);
    const rollout = activeRollout(draft);
    if (rollout && draft.view) {
      if (isReflected(draft)) {
        delete rollout.goal?.stableAtMost;
      }
      guardCandidate(draft, rollout, draft.view);
      heedVerdicts(draft, rollout);
    }
    arrangeDesired(draft);
    if (!rollout || !advance(draft, rollout)) {
      return;
    }
  }
  throw new Error(
    `decide() found no rest after ${MOST_LOOKS} looks at deployment ${draft.record.rollout?.deploymentId}; this is a bug in the rollout room`,
  );
}

function close(draft: Draft): DecideOutput {
  const { record, nowMs, view } = draft;
  forgetDetours(draft);
  const rollout = activeRollout(draft);
  // What waits for a person may wait for days: look seldom.
  const hurries = rollout !== undefined && !rollout.paused;
  if (draft.moved) {
    wakeAt(draft, nowMs + AFTER_WRITE_MS);
  } else if (view && !isReflected(draft)) {
    wakeAt(draft, nowMs + (hurries ? NOT_SEEN_YET_MS : SELDOM_MS));
  } else if (view && isTrafficAdrift(record.desired, view)) {
    // The shell writes the same again; look whether that helped.
    wakeAt(draft, nowMs + (hurries ? LOOK_AGAIN_MS : SELDOM_MS));
  }
  const { stable } = record;
  if (
    view &&
    stable &&
    view.ready(stable.generation) < desiredReplicas(draft, stable.generation)
  ) {
    wakeAt(draft, nowMs + (hurries ? LOOK_AGAIN_MS : SELDOM_MS));
  }
  const wakes = draft.wakes.filter(Number.isFinite);
  return {
    record,
    events: draft.events,
    answers: draft.answers,
    finished: draft.finished,
    ...(wakes.length > 0
      ? { wakeAtMs: Math.max(nowMs, Math.min(...wakes)) }
      : {}),
  };
}

/** Somebody else changed the router after it had taken our shares. */
function isTrafficAdrift(
  { shares, routes }: Desired,
  view: WorldView,
): boolean {
  return (
    view
      .served()
      .some(
        served => !shares.some(({ generation }) => generation === served),
      ) || !sameRoutes(view.routes, routes)
  );
}
