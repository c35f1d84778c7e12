import { Drift, DriftState } from '@slipway/backstage-plugin-delivery-common';
import { DriftInput, DriftOutput } from './driftState';

/*
 * When the owners hear of drift: of what stays, and of what is left to a
 * person. Not of what is gone within a minute, nor of what is put right by
 * itself; and of the same thing at most once a day, whatever comes and goes.
 * That it is over is no news.
 */

/** Who tries something out takes it back meanwhile. */
const STAYS_MS = 60_000;
const TOLD_AGAIN_MS = 24 * 3_600_000;

/** The same decision, with what is to be told, and remembering that it was. */
export function withNews(input: DriftInput, output: DriftOutput): DriftOutput {
  const { record, nowMs } = input;
  const before = record.drift;
  const toldOfLate = (before?.told ?? []).filter(
    ({ atMs }) => nowMs - atMs < TOLD_AGAIN_MS,
  );
  const untold = staying(input, output).filter(
    drifted =>
      !toldOfLate.some(({ drift }) => drift === nameOf(drifted, output.drift)),
  );
  if (untold.length === 0) {
    return remember(input, output, toldOfLate);
  }
  const { left } = output.drift ?? {};
  const tellAtMs = left ? nowMs : before?.tellAtMs ?? nowMs + STAYS_MS;
  if (nowMs < tellAtMs) {
    return remember(input, output, toldOfLate, tellAtMs);
  }
  const told = [
    ...toldOfLate,
    ...untold.map(drifted => ({
      drift: nameOf(drifted, output.drift),
      atMs: nowMs,
    })),
  ];
  return {
    ...remember(input, output, told),
    news: { found: untold, ...(left && { left }), atMs: nowMs },
  };
}

/** What is not put right by itself as things are. */
function staying(
  { mode, held, busy }: DriftInput,
  { drift, repair }: DriftOutput,
): Drift[] {
  const isPutRight =
    busy || repair || drift?.repairing || (mode === 'repair' && !held);
  return drift && (drift.left || !isPutRight) ? drift.found : [];
}

/** Whoever does the same again has done the same: the time says nothing. */
function nameOf(
  { kind, about, by = '', fields = [], message }: Drift,
  drift: DriftState | undefined,
): string {
  return [
    drift?.left?.code ?? 'stays',
    kind,
    about,
    by,
    fields.map(({ field }) => field).join() || message,
  ].join(' ');
}

function remember(
  { record, nowMs }: DriftInput,
  output: DriftOutput,
  told: NonNullable<DriftState['told']>,
  tellAtMs?: number,
): DriftOutput {
  const before = record.drift;
  if (!output.drift && told.length === 0) {
    return output;
  }
  const state = output.drift ?? nothing(before, nowMs);
  const isSame =
    state === before &&
    (before.told?.length ?? 0) === told.length &&
    before.tellAtMs === tellAtMs;
  const { told: _, tellAtMs: __, ...rest } = state;
  const wakes = [output.wakeAtMs, tellAtMs].filter(
    (atMs): atMs is number => atMs !== undefined,
  );
  return {
    ...output,
    // The same object as long as it says the same: nothing is written for it.
    drift: isSame
      ? before
      : {
          ...rest,
          ...(told.length > 0 && { told }),
          ...(tellAtMs !== undefined && { tellAtMs }),
        },
    ...(wakes.length > 0 && { wakeAtMs: Math.min(...wakes) }),
  };
}

/** Only what was told is remembered. */
function nothing(before: DriftState | undefined, nowMs: number): DriftState {
  const isNothing =
    before?.found.length === 0 &&
    before.repairs.length === 0 &&
    !before.repairing;
  return isNothing
    ? before
    : { found: [], sinceMs: before?.sinceMs ?? nowMs, repairs: [] };
}
