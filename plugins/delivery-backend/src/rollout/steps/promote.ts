import { GenerationRole } from '@slipway/backstage-plugin-delivery-common';
import { limitDraining } from '../drain';
import {
  Draft,
  goalOf,
  isSameAsStable,
  LOOK_AGAIN_MS,
  note,
  wakeAt,
} from '../draft';
import { finish } from '../finish';
import { closeBackground } from '../verdicts';
import { StepRunner } from './step';

/** How many promotions are remembered for the rollback window. */
const PROMOTED_KEPT = 20;

/**
 * The candidate becomes stable. What it got beside its share ends first. Only when it is at its full size, has all the
 * traffic (seen at the router, not only asked for) and the background analysis
 * has spoken. Nothing is restarted: roles move. What served before drains, and
 * serves as an instant way back until the delay has passed.
 */
export const promote: StepRunner<'promote'> = {
  enter({ rollout }) {
    const { headers, mirrorPercent, ...goal } = goalOf(rollout);
    rollout.goal = {
      ...goal,
      replicas: rollout.candidate.replicas,
      percent: 100,
    };
  },
  check({ draft, rollout, step, view }) {
    const { generation, replicas } = rollout.candidate;
    const onlyOneServes =
      view.accepted(generation) === 100 &&
      view.served().every(served => served === generation);
    const isReady = view.ready(generation) >= replicas;
    if (!isReady || !onlyOneServes || view.routes.length > 0) {
      return 'waiting';
    }
    if (!closeBackground(draft, rollout)) {
      wakeAt(draft, draft.nowMs + LOOK_AGAIN_MS);
      return 'held';
    }
    const initial = draft.record.stable === undefined;
    changeRoles(draft, rollout.candidate, step.scaleDownDelayMs);
    note(draft, 'promoted', `${generation} is stable now`);
    finish(
      draft,
      rollout,
      'succeeded',
      initial
        ? {
            code: 'initial',
            message:
              'First deployment: there was nothing to compare with, so it went straight to everything',
          }
        : undefined,
    );
    return 'done';
  },
};

function changeRoles(
  draft: Draft,
  candidate: GenerationRole,
  scaleDownDelayMs: number,
): void {
  const { record, nowMs } = draft;
  const { stable, rollout } = record;
  const same = rollout && isSameAsStable(draft, rollout);
  if (stable && !same && rollout?.goal?.delegated !== 'replaced') {
    record.draining.push({ ...stable, removeAtMs: nowMs + scaleDownDelayMs });
  }
  record.stable = candidate;
  record.draining = limitDraining(
    record.draining.filter(d => d.generation !== candidate.generation),
    nowMs,
  );
  const entry = {
    releaseId: candidate.releaseId,
    planId: candidate.planId,
    generation: candidate.generation,
    atMs: nowMs,
  };
  record.promoted = same
    ? record.promoted
    : [entry, ...record.promoted].slice(0, PROMOTED_KEPT);
}
