import {
  TargetRecord,
  TargetRef,
  World,
  isKnown,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { LeaseLostError, TargetRow } from '../store';
import { backOffMs, EngineContext, TargetMemory } from './context';
import { converge } from './converge';
import { convergeSteps, isConverged } from './convergeSteps';
import { isStaleEpoch, markForeign } from './foreignEpoch';
import { earliest, Round } from './round';
import { sameJson } from './sameJson';
import { TimeLimitError } from './timeLimit';
import { lookAgainAtMs, worldSignature } from './wake';

/** A write over the same view of the world is not repeated before this. */
const SAME_WRITE_AGAIN_MS = 5_000;
/** So many times as long as the first attempt may the slowest one take. */
const MOST_PATIENCE = 6;

/**
 * Converges when there is something to do, and says when to look again. What
 * the environment did not take is tried again with back-off and shown as a
 * technical trouble of the deployment; whether time has run out for it is the
 * rollout room's decision.
 */
export async function bringAbout(options: {
  round: Round;
  row: TargetRow;
  world: World;
  /** The decision changed something, so back-offs do not count. */
  moved: boolean;
  nowMs: number;
}): Promise<{ again: boolean; isForeign?: boolean; wakeAtMs?: number }> {
  const { round, row, world, moved, nowMs } = options;
  const { context, keeper, connection, memory, carried } = round;
  const { tuning } = context;
  const steps = convergeSteps(row.record, world);
  const signature = worldSignature(row.record, world);
  const { lastWrite, trouble } = memory;
  const isRepeated =
    lastWrite?.signature === signature &&
    nowMs - lastWrite.atMs < SAME_WRITE_AGAIN_MS;
  const mustWait = trouble !== undefined && trouble.retryAtMs > nowMs && !moved;
  let again = false;

  if (isConverged(steps)) {
    memory.trouble = undefined;
    again = noteConflict(round, row, undefined);
  } else if (!isRepeated && !mustWait) {
    try {
      const result = await converge({
        target: row.target,
        record: row.record,
        world,
        connection,
        plans: context.plans,
        keeper,
        callLimitMs: tuning.callLimitMs * patience(memory, world),
      });
      again = result.wrote || !sameJson(result.applied, row.record.applied);
      carried.applied = result.applied;
      memory.trouble = undefined;
      again = noteConflict(round, row, undefined) || again;
      memory.lastWrite = { signature, atMs: nowMs };
    } catch (error) {
      keeper.signal.throwIfAborted();
      if (isStaleEpoch(error)) {
        const { wakeAtMs } = await markForeign({ context, row, keeper, error });
        return { again: false, isForeign: true, wakeAtMs };
      }
      if (error instanceof LeaseLostError) {
        throw error;
      }
      noteTrouble(context, memory, row.target, error, nowMs);
      again = noteConflict(round, row, conflictOf(error, row, nowMs));
    }
  }
  return {
    again,
    wakeAtMs: earliest(
      memory.trouble?.retryAtMs,
      lookAgainAtMs({
        record: row.record,
        world,
        steps,
        memory,
        nowMs,
        capMs: tuning.lookAgainCapMs,
        restCheckMs: tuning.restCheckMs,
      }),
    ),
  };
}

/**
 * One step of a converge is many requests. An environment that answers each of
 * them late would never have one done within the limit, and each attempt begins
 * anew: so each that ran out of time gives the next one more of it. Not where
 * nothing is seen: what does not answer at all is not waited for.
 */
function patience({ trouble }: TargetMemory, { workloads }: World): number {
  return isKnown(workloads)
    ? Math.min(MOST_PATIENCE, 1 + (trouble?.timeOuts ?? 0))
    : 1;
}

/** Kept in the record, so that every backend knows that there is something to take over. */
function noteConflict(
  { carried }: Round,
  { record }: TargetRow,
  value: TargetRecord['conflict'],
): boolean {
  if (sameJson(record.conflict, value)) {
    return false;
  }
  carried.conflict = { value };
  return true;
}

/** By name: an adapter may carry another copy of the class. */
function isConflict(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConflictError';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}

function conflictOf(
  error: unknown,
  { record: { conflict } }: TargetRow,
  nowMs: number,
): TargetRecord['conflict'] {
  return isConflict(error)
    ? { message: messageOf(error), sinceMs: conflict?.sinceMs ?? nowMs }
    : conflict;
}

function noteTrouble(
  context: EngineContext,
  memory: TargetMemory,
  target: TargetRef,
  error: unknown,
  nowMs: number,
) {
  const attempts = (memory.trouble?.attempts ?? 0) + 1;
  const message = messageOf(error);
  const timeOuts =
    (memory.trouble?.timeOuts ?? 0) + (error instanceof TimeLimitError ? 1 : 0);
  memory.trouble = {
    attempts,
    timeOuts,
    retryAtMs: nowMs + backOffMs(attempts),
    reason: isConflict(error)
      ? {
          code: 'changed-by-others',
          message,
          action:
            'Take over to make it ours again, or undo what was changed; it is tried again',
        }
      : {
          code: 'environment-unwritable',
          message: `The environment did not take what is wanted: ${message}`,
          action: 'It is tried again; abort to go back',
        },
  };
  context.logger.warn(
    `Could not converge ${stringifyTarget(
      target,
    )} (attempt ${attempts}): ${message}`,
  );
}
