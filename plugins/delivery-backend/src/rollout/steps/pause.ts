import { pauseRollout } from '../pausing';
import { StepRunner } from './step';

/**
 * Waits for a time, or for a person. The end is absolute: a backend that was
 * away for longer than the pause goes on at once.
 */
export const pause: StepRunner<'pause'> = {
  enter({ draft, rollout, state, step }) {
    const untilMs =
      step.durationMs === undefined ? undefined : draft.nowMs + step.durationMs;
    if (untilMs !== undefined) {
      state.endsAtMs = untilMs;
    }
    pauseRollout(draft, rollout, 'step', { untilMs });
  },
  check({ draft, rollout, state }) {
    if (state.endsAtMs !== undefined && draft.nowMs >= state.endsAtMs) {
      return 'done';
    }
    // After the pause of a person on top of it has ended.
    if (!rollout.paused) {
      pauseRollout(draft, rollout, 'step', { untilMs: state.endsAtMs });
    }
    return 'held';
  },
};
