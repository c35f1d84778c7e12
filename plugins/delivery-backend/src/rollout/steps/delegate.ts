import { startAbort } from '../abort';
import { delegatedKey } from '../delegated';
import { pauseRollout } from '../pausing';
import { controllerGaveUp, controllerTakenOver } from '../reasons';
import { StepRunner } from './step';

/**
 * Another controller replaces stable by the candidate. Done when it says so
 * *and* all instances of the candidate are seen ready; its word alone may be
 * about an older run.
 */
export const delegate: StepRunner<'delegate'> = {
  enter({ rollout }) {
    rollout.goal = {
      replicas: rollout.candidate.replicas,
      percent: 0,
      delegated: 'running',
    };
  },
  check({ draft, rollout, step, view }) {
    const { generation, replicas } = rollout.candidate;
    const { delegated } = view;
    if (!delegated) {
      return 'waiting';
    }
    if (delegated.phase === 'foreign') {
      pauseRollout(draft, rollout, 'errored', {
        detail: controllerTakenOver(step.leader, delegated),
      });
      return 'held';
    }
    if (delegated.key !== delegatedKey(rollout)) {
      return 'waiting';
    }
    if (delegated.phase === 'failed' || delegated.phase === 'rolled-back') {
      startAbort(
        draft,
        rollout,
        'rolled-back',
        controllerGaveUp(step.leader, delegated, view.state(generation)),
      );
      return 'held';
    }
    if (delegated.phase !== 'succeeded' || view.ready(generation) < replicas) {
      return 'waiting';
    }
    rollout.goal = { replicas, percent: 100, delegated: 'replaced' };
    return 'done';
  },
};
