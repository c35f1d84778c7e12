import { Reason } from '@slipway/backstage-plugin-delivery-common';
import { ReleaseRow } from '../store';
import { readCheckpoint } from './checkpoint';
import { finish, restart, stageOf, stumble } from './progress';
import { Pulse } from './pulse';
import { clean, End, RunnerContext, write } from './runnerContext';
import {
  failureOf,
  StageBlocked,
  StageFailure,
  StageTimeout,
} from './stageErrors';
import { Stage } from './types';

/*
 * Content that is bad ends the release (failed, blocked). What we could not do
 * is tried again after a while, then a person is asked (errored).
 */

/** What the error of a stage leads to. */
export async function afterError(
  context: RunnerContext,
  pulse: Pulse,
  row: ReleaseRow,
  stage: Stage,
  error: unknown,
  redact: (text: string) => string,
): Promise<ReleaseRow | End> {
  const { name } = stage;
  if (error instanceof StageBlocked || error instanceof StageFailure) {
    const ended = finish(row, {
      status: error instanceof StageBlocked ? 'blocked' : 'failed',
      stage: name,
      reason: redactReason(error.reason, redact),
      result: error.result,
      nowMs: context.nowMs(),
    });
    await write(context, pulse.lease, ended, { end: {} });
    await clean(context, row);
    return {};
  }
  const failure = failureOf(name, error);
  if (failure) {
    await write(
      context,
      pulse.lease,
      finish(row, {
        status: 'failed',
        stage: name,
        reason: redactReason(failure, redact),
        nowMs: context.nowMs(),
      }),
      { end: {} },
    );
    await clean(context, row);
    return {};
  }
  const message = redact(error instanceof Error ? error.message : `${error}`);
  context.logger.warn(`Release ${row.id}: stage ${name} errored: ${message}`);
  const stumbled = afterStumble(context, row, name, message);
  // A stage that went on past its limit may still write into its folders.
  const next =
    error instanceof StageTimeout && stumbled.row.status === 'running'
      ? keepStumble(restart(stumbled.row), stumbled.row, name)
      : stumbled.row;
  await write(context, pulse.lease, next, {
    end: { wakeAtMs: stumbled.wakeAtMs },
  });
  if (next.status === 'errored') {
    await clean(context, row);
  }
  return { wakeAtMs: stumbled.wakeAtMs };
}

/** Counts the try; the last one leaves the release to a person. */
export function afterStumble(
  context: RunnerContext,
  row: ReleaseRow,
  name: Stage['name'],
  message: string,
) {
  const { retry } = readCheckpoint(row);
  const attempts = (retry?.stage === name ? retry.attempts : 0) + 1;
  const delayMs = context.tuning.retryDelaysMs[attempts - 1];
  const now = context.nowMs();
  const waitsUntilMs = now + context.tuning.erroredWaitMs;
  const nextAtMs = delayMs === undefined ? undefined : now + delayMs;
  const reason: Reason = {
    code: `${name}-errored`,
    message,
    action:
      delayMs === undefined
        ? `Tried ${attempts} times. Retry the release when the cause is gone, or cancel it.`
        : `Tried again in ${delayMs / 1_000} s (${attempts} of ${
            context.tuning.retryDelaysMs.length + 1
          } tries).`,
  };
  return {
    row: stumble(row, name, {
      reason,
      attempts,
      nextAtMs,
      waitsUntilMs,
      nowMs: now,
    }),
    wakeAtMs: nextAtMs ?? waitsUntilMs,
  };
}

/** A restart that remembers why it was needed. */
function keepStumble(
  restarted: ReleaseRow,
  stumbled: ReleaseRow,
  name: Stage['name'],
): ReleaseRow {
  return {
    ...restarted,
    reason: stageOf(stumbled, name).reason,
  };
}

function redactReason(
  reason: Reason,
  redact: (text: string) => string,
): Reason {
  return {
    ...reason,
    message: redact(reason.message),
    ...(reason.evidence && {
      evidence: reason.evidence.split('\n').map(redact).join('\n'),
    }),
  };
}
