import {
  LogLine,
  LogNovelty,
  RolloutState,
} from '@slipway/backstage-plugin-delivery-common';
import { LogProvider } from '@slipway/backstage-plugin-delivery-node';
import { newInCanary } from '../analysis';
import { createRedactor } from '../release';
import { knownEvidence } from './evidence';
import { Round } from './round';
import { withTimeLimit } from './timeLimit';

/** Evidence, not a part of the way back: it may not take long. */
const READ_LIMIT_MS = 2_000;
const MAX_LINES = 1_000;
/** Clocks of instances and ours may differ by so much. */
const CLOCK_SKEW_MS = 5_000;

const redact = createRedactor();

/** Since when there is something to explain: it goes back, or waits for a person. */
function troubledSinceMs(rollout: RolloutState): number | undefined {
  if (rollout.phase === 'aborting') {
    return rollout.abort?.sinceMs;
  }
  const { paused } = rollout;
  return paused?.reason === 'inconclusive' || paused?.reason === 'errored'
    ? paused.sinceMs
    : undefined;
}

/**
 * Compares what the candidate logs with what stable logs, once for each trouble
 * of the deployment, while both still run. The first look at a deployment that
 * goes back comes after its traffic was asked back, so nothing waits for this.
 *
 * Errors: none but a lost lease; a log that cannot be read is a `problem` of
 * the answer.
 */
export async function compareLogs(
  round: Round,
): Promise<LogNovelty | undefined> {
  const { active, changes, connection, context, keeper } = round;
  const sinceMs = active && troubledSinceMs(active);
  if (!active || sinceMs === undefined || !connection.logs) {
    return undefined;
  }
  const { logs: before } = await knownEvidence(round, active.deploymentId);
  if (before && before.atMs >= sinceMs) {
    return undefined;
  }
  const { stable } = changes.row.record;
  const { generation } = active.candidate;
  const { logs } = connection;
  try {
    return await withTimeLimit(
      'Reading the logs',
      READ_LIMIT_MS,
      keeper.signal,
      async signal => {
        const [candidate, baseline] = await Promise.all([
          readLog(round, logs, generation, signal),
          stable && stable.generation !== generation
            ? readLog(round, logs, stable.generation, signal)
            : [],
        ]);
        const fromMs = active.startedAtMs - CLOCK_SKEW_MS;
        return redacted(
          newInCanary({
            candidate: candidate.filter(({ atMs }) => atMs >= fromMs),
            stable: baseline,
            nowMs: context.clock.now(),
          }),
        );
      },
    );
  } catch (error) {
    keeper.signal.throwIfAborted();
    return {
      atMs: context.clock.now(),
      lines: [],
      more: 0,
      compared: { candidate: 0, stable: 0 },
      problem: error instanceof Error ? error.message : `${error}`,
    };
  }
}

async function readLog(
  round: Round,
  logs: LogProvider,
  generation: string,
  signal: AbortSignal,
): Promise<LogLine[]> {
  const { lines } = await logs.read(
    {
      target: round.changes.row.target,
      generation,
      limit: MAX_LINES,
      waitMs: 0,
    },
    signal,
  );
  return lines.filter(line => (line.generation ?? generation) === generation);
}

function redacted(novelty: LogNovelty): LogNovelty {
  return {
    ...novelty,
    lines: novelty.lines.map(line => ({ ...line, text: redact(line.text) })),
  };
}
