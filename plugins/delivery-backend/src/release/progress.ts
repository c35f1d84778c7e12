import {
  Reason,
  ReleaseStatus,
  STAGE_ORDER,
  StageName,
  StageState,
  StageStatus,
} from '@slipway/backstage-plugin-delivery-common';
import { ReleaseRow } from '../store';
import { nextAttempt, readCheckpoint, ReleaseCheckpoint } from './checkpoint';
import { StageResult } from './types';

/*
 * How a release's row changes. Pure: time and outcome are arguments, and a new
 * row is returned.
 */

export const TERMINAL: readonly ReleaseStatus[] = [
  'ready',
  'failed',
  'blocked',
  'cancelled',
];

export function pendingStages(): StageState[] {
  return STAGE_ORDER.map(stage => ({ stage, status: 'pending', attempt: 0 }));
}

export function stageOf(row: ReleaseRow, stage: StageName): StageState {
  const state = row.stages.find(candidate => candidate.stage === stage);
  if (!state) {
    throw new Error(`Release ${row.id} has no stage "${stage}"`);
  }
  return state;
}

/** The first stage that is not done. */
export function currentStage(row: ReleaseRow): StageName | undefined {
  return row.stages.find(({ status }) => status !== 'done')?.stage;
}

function withStage(
  row: ReleaseRow,
  stage: StageName,
  change: Partial<StageState>,
): ReleaseRow {
  return {
    ...row,
    stages: row.stages.map(state =>
      state.stage === stage ? { ...state, ...change } : state,
    ),
  };
}

function withResult(row: ReleaseRow, result: StageResult): ReleaseRow {
  return {
    ...row,
    ...result.release,
    checkpoint: { ...row.checkpoint, ...result.checkpoint },
  };
}

function withCheckpoint(
  row: ReleaseRow,
  checkpoint: ReleaseCheckpoint,
): ReleaseRow {
  return { ...row, checkpoint: { ...checkpoint } };
}

export function begin(
  row: ReleaseRow,
  stage: StageName,
  nowMs: number,
): ReleaseRow {
  const { waitsUntilMs: _waits, ...checkpoint } = readCheckpoint(row);
  const begun = withStage(row, stage, {
    status: 'running',
    attempt: stageOf(row, stage).attempt + 1,
    startedAtMs: nowMs,
    finishedAtMs: undefined,
    reason: undefined,
    facts: undefined,
  });
  return {
    ...withCheckpoint(begun, checkpoint),
    status: 'running',
    reason: undefined,
  };
}

/** The stage is done, and its tries are forgotten. */
export function complete(
  row: ReleaseRow,
  stage: StageName,
  result: StageResult,
  nowMs: number,
): ReleaseRow {
  const done = withStage(withResult(row, result), stage, {
    status: 'done',
    finishedAtMs: nowMs,
    facts: result.facts,
  });
  const { retry, ...checkpoint } = readCheckpoint(done);
  // Tries of a later stage count on: it may be what made us begin again.
  return withCheckpoint(done, {
    ...checkpoint,
    ...(retry && retry.stage !== stage && { retry }),
  });
}

/** The end of a release, at a stage or after all of them. */
export function finish(
  row: ReleaseRow,
  end: {
    status: Extract<
      ReleaseStatus,
      'ready' | 'failed' | 'blocked' | 'cancelled'
    >;
    stage?: StageName;
    reason?: Reason;
    result?: StageResult;
    nowMs: number;
  },
): ReleaseRow {
  const { status, stage, reason, result = {}, nowMs } = end;
  let ended: ReleaseRow = {
    ...withResult(row, result),
    status,
    reason,
    finishedAtMs: nowMs,
  };
  if (stage && status !== 'ready') {
    ended = withStage(ended, stage, {
      status,
      reason,
      finishedAtMs: nowMs,
      ...(result.facts && { facts: result.facts }),
    });
  }
  ended.stages = ended.stages.map(state =>
    state.status === 'pending' ? { ...state, status: 'skipped' } : state,
  );
  const {
    retry: _retry,
    waitsUntilMs: _waits,
    ...rest
  } = readCheckpoint(ended);
  return withCheckpoint(ended, rest);
}

/** A technical end of a try; `nextAtMs` undefined: a person is asked. */
export function stumble(
  row: ReleaseRow,
  stage: StageName,
  error: {
    reason: Reason;
    attempts: number;
    nextAtMs?: number;
    waitsUntilMs: number;
    nowMs: number;
  },
): ReleaseRow {
  const { reason, attempts, nextAtMs, waitsUntilMs, nowMs } = error;
  const stumbled = withStage(row, stage, {
    status: 'errored',
    reason,
    finishedAtMs: nowMs,
  });
  const before = readCheckpoint(row);
  return {
    ...withCheckpoint(stumbled, {
      ...before,
      retry: { stage, attempts, nextAtMs: nextAtMs ?? waitsUntilMs },
      ...(nextAtMs === undefined && { waitsUntilMs }),
    }),
    status: nextAtMs === undefined ? 'errored' : 'running',
    ...(nextAtMs === undefined && { reason }),
  };
}

/** Everything again from the fetch, in folders of its own. */
export function restart(row: ReleaseRow): ReleaseRow {
  const again: ReleaseRow = {
    ...withCheckpoint(row, nextAttempt(readCheckpoint(row))),
    stages: row.stages.map(({ stage, attempt }) => ({
      stage,
      attempt,
      status: 'pending',
    })),
    images: [],
    status: 'running',
  };
  for (const key of [
    'reason',
    'findings',
    'finishedAtMs',
    'definition',
    'bundleBlob',
    'findingsBlob',
    'sbomBlobs',
  ] as const) {
    delete again[key];
  }
  again.definitionProblems = [];
  return again;
}

/** A person's `retry`: tries are counted anew. */
export function resumeAfterRetry(row: ReleaseRow): ReleaseRow {
  const fresh = row.status === 'errored' ? row : restart(row);
  const {
    retry: _retry,
    waitsUntilMs: _waits,
    ...checkpoint
  } = readCheckpoint(fresh);
  return {
    ...withCheckpoint(fresh, checkpoint),
    status: 'running',
    reason: undefined,
    stages: fresh.stages.map(state =>
      state.status === 'errored'
        ? { ...state, status: 'pending' satisfies StageStatus }
        : state,
    ),
  };
}

/** The stage was interrupted through no fault of its own. */
export function putBack(row: ReleaseRow, stage: StageName): ReleaseRow {
  return withStage(row, stage, { status: 'pending' });
}
