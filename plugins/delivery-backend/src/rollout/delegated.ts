import {
  DelegatedWish,
  RolloutState,
  StepModel,
  TrafficShare,
} from '@slipway/backstage-plugin-delivery-common';
import { activeRollout, Draft } from './draft';

/*
 * Rollouts in place, which another controller leads. We say what should be in
 * place; how many of the old and the new run meanwhile, and who of them gets
 * traffic, is its business. Going back is the same wish with the Plan before.
 *
 * The shares stay with stable, which here means "whatever is in place", until
 * the candidate is all of it.
 */

type DelegateStep = Extract<StepModel, { type: 'delegate' }>;

function delegateStep(rollout: RolloutState): DelegateStep | undefined {
  return rollout.steps
    .map(({ step }) => step)
    .find((step): step is DelegateStep => step.type === 'delegate');
}

/** The key of one run: another attempt, and the way back, are runs of their own. */
export function delegatedKey(rollout: RolloutState): string {
  const again = rollout.goal?.delegatedAgain;
  const run = `${rollout.deploymentId}.${rollout.attempt}${
    again ? `.${again}` : ''
  }`;
  return rollout.phase === 'aborting' ? `${run}.back` : run;
}

/** What the controller should bring in place now; undefined: nothing. */
export function delegatedWish(draft: Draft): DelegatedWish | undefined {
  const rollout = activeRollout(draft);
  const { stable } = draft.record;
  const step = rollout && delegateStep(rollout);
  if (!rollout || !step || rollout.goal?.delegated !== 'running') {
    return undefined;
  }
  const role = rollout.phase === 'aborting' ? stable : rollout.candidate;
  return role
    ? {
        key: delegatedKey(rollout),
        generation: role.generation,
        planId: role.planId,
        program: step.program,
        ...(rollout.paused?.reason === 'manual' ? { paused: true } : {}),
      }
    : undefined;
}

/** Everything stays with what is in place. */
export function sharesInPlace(draft: Draft): TrafficShare[] {
  const { stable } = draft.record;
  return stable ? [{ generation: stable.generation, percent: 100 }] : [];
}
