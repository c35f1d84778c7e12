import { isError } from '@backstage/errors';
import { Reason } from '@slipway/backstage-plugin-delivery-common';
import { StageResult } from './types';

/** The content is bad: only a new commit helps. */
export class StageFailure extends Error {
  readonly name = 'StageFailure';
  constructor(
    readonly reason: Reason,
    /** What is written down with the failure. */
    readonly result: StageResult = {},
  ) {
    super(reason.message);
  }
}

/** The gate said no. */
export class StageBlocked extends Error {
  readonly name = 'StageBlocked';
  constructor(
    readonly reason: Reason,
    /** What was decided, to be written down with the refusal. */
    readonly result: StageResult,
  ) {
    super(reason.message);
  }
}

/** A stage did not end in its time. */
export class StageTimeout extends Error {
  readonly name = 'StageTimeout';
}

/** A person cancelled the release while a stage ran. */
export class CancelRequested extends Error {
  readonly name = 'CancelRequested';
}

/** Whether an error speaks about the content, and what it says. */
export function failureOf(stage: string, error: unknown): Reason | undefined {
  if (error instanceof StageFailure) {
    return error.reason;
  }
  if (isError(error) && error.name === 'InputError') {
    return { code: `${stage}-failed`, message: error.message };
  }
  return undefined;
}
