import {
  Command,
  RolloutState,
} from '@slipway/backstage-plugin-delivery-common';
import { Draft } from '../draft';

/** What a person is told about a verb. */
export type Answer = { accepted: boolean; message: string };

/** What a verb does to the rollout that is going on. */
export type Verb = (
  draft: Draft,
  rollout: RolloutState,
  command: Command,
) => Answer;

/** Done, and what it did. */
export function accept(message: string): Answer {
  return { accepted: true, message };
}

/** Not done, and what can be done instead. */
export function refuse(message: string): Answer {
  return { accepted: false, message };
}

/** Why nothing leads forward from here. */
export const GOING_BACK =
  'The deployment is going back already, and that is not undone; start a new attempt afterwards';
