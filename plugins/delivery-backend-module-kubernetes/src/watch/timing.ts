/** Time limits of a watch. Milliseconds. */
export interface WatchTiming {
  /** A watch has to be answered within this time. */
  openMs: number;
  /**
   * The API server sends a bookmark each minute at the latest: a watch without
   * a word for so long is dead, however alive its connection looks.
   */
  quietMs: number;
  /** What was known is shown as known for so long after the watch broke. */
  graceMs: number;
  /** The first wait after a failure; doubled with each further one. */
  backOffMs: number;
  maxBackOffMs: number;
  /** A kind that is not served, or forbidden, is asked for again after this. */
  absentMs: number;
  /** The server is asked to end a watch after about this time, so that load spreads. */
  lifeSeconds: number;
}

export const DEFAULT_TIMING: WatchTiming = {
  openMs: 10_000,
  quietMs: 80_000,
  graceMs: 8_000,
  backOffMs: 250,
  maxBackOffMs: 20_000,
  absentMs: 60_000,
  lifeSeconds: 600,
};

/** Full jitter over the upper half: many clients that lost one server do not come back at once. */
export function backOffMs(
  timing: WatchTiming,
  failures: number,
  random: () => number,
): number {
  const full = Math.min(
    timing.maxBackOffMs,
    timing.backOffMs * 2 ** Math.min(failures, 16),
  );
  return full / 2 + (full / 2) * random();
}
