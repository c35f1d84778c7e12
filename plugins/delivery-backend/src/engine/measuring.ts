import {
  AnalysisVerdict,
  Measurement,
} from '@slipway/backstage-plugin-delivery-common';
import { Round } from './round';

/** All queries of one look. */
const MEASURE_LIMIT_MS = 8_000;

/** Takes the measurements that are due and asks the judges. */
export async function takeMeasurements(round: Round): Promise<{
  verdicts: Record<string, AnalysisVerdict>;
  nextAtMs?: number;
  /** All of the active deployment, once what is new is stored. */
  measurements?: Measurement[];
}> {
  const { context, changes, keeper, connection, active } = round;
  const runs = (active?.analyses ?? []).filter(
    ({ status }) => status === 'running',
  );
  if (!active || runs.length === 0) {
    return { verdicts: {} };
  }
  const { rooms } = context;
  const before = await measuredBefore(round, active.deploymentId);
  // A person's verb does not wait for a slow source of metrics.
  const fresh: Measurement[] =
    round.forRollout.length > 0
      ? []
      : await withDeadline(keeper.signal, signal =>
          rooms.measure({
            runs,
            target: changes.row.target,
            measurements: before,
            providers: connection.metrics,
            nowMs: changes.nowMs,
            signal,
            timeoutMs: context.tuning.callLimitMs,
          }),
        );
  keeper.signal.throwIfAborted();
  if (fresh.length > 0) {
    changes.measurements.push({
      deploymentId: active.deploymentId,
      rows: fresh,
    });
  }
  const measurements = [...before, ...fresh];
  const nowMs = context.clock.now();
  return {
    verdicts: Object.fromEntries(
      runs.map(run => [
        run.id,
        rooms.judge({
          run,
          measurements: measurements.filter(
            ({ analysisId }) => analysisId === run.id,
          ),
          nowMs,
        }),
      ]),
    ),
    nextAtMs: rooms.nextMeasurementAtMs({ runs, measurements, nowMs }),
    measurements,
  };
}

/**
 * Measurements are stored with the target's row only: while its version is
 * what we remember, nobody has added any.
 */
async function measuredBefore(
  { context, changes, memory }: Round,
  deploymentId: string,
): Promise<Measurement[]> {
  const { measured } = memory;
  return measured?.deploymentId === deploymentId &&
    measured.rowVersion === changes.original.rowVersion
    ? measured.rows
    : await context.store.deployments.measurements(deploymentId);
}

/** Keeps them for the next look, which then need not read them. */
export function rememberMeasurements(
  { active, memory }: Round,
  rowVersion: number,
  rows: Measurement[] | undefined,
): void {
  if (active && rows) {
    const { deploymentId } = active;
    memory.measured = { deploymentId, rowVersion, rows };
  } else {
    delete memory.measured;
  }
}

/**
 * Asks to stop at the limit and takes what there is by then. The timer ends
 * with the call: those of a thousand targets would add up.
 */
async function withDeadline<T>(
  parent: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort(parent.reason);
  parent.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => controller.abort(new Error('The queries took too long together')),
    MEASURE_LIMIT_MS,
  );
  try {
    return await call(controller.signal);
  } finally {
    clearTimeout(timer);
    parent.removeEventListener('abort', onAbort);
  }
}
