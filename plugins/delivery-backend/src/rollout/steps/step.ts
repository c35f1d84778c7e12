import {
  RolloutState,
  StepModel,
  StepState,
} from '@slipway/backstage-plugin-delivery-common';
import { Draft } from '../draft';
import { WorldView } from '../worldView';

/** One step of the rollout, with its model narrowed to one primitive. */
export interface StepContext<T extends StepModel['type']> {
  draft: Draft;
  rollout: RolloutState;
  state: StepState;
  step: Extract<StepModel, { type: T }>;
  /** Both halves are known and reflect our last write. */
  view: WorldView;
}

/**
 * How one primitive runs. Both are called only with a world that reflects our
 * last write; what they change is the goal, never the desired state itself.
 */
export interface StepRunner<T extends StepModel['type']> {
  /** Once, when the step becomes the current one. */
  enter(context: StepContext<T>): void;
  /**
   * `done`: the next step may begin. `moved`: the goal has changed, look
   * again. `waiting`: for the world, bounded by the progress deadline.
   * `held`: for something that has an end of its own (and says when to wake).
   */
  check(context: StepContext<T>): 'done' | 'moved' | 'waiting' | 'held';
}
