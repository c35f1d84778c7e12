import { ReleaseTuning } from './types';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

export const DEFAULT_RELEASE_TUNING: ReleaseTuning = {
  leaseMs: 8 * SECOND_MS,
  commandPollMs: 500,
  retryDelaysMs: [SECOND_MS, 5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS],
  erroredWaitMs: 7 * 24 * 60 * MINUTE_MS,
  stageLimitsMs: {
    fetch: 5 * MINUTE_MS,
    definition: MINUTE_MS,
    build: 20 * MINUTE_MS,
    scan: 10 * MINUTE_MS,
    gate: MINUTE_MS,
    push: 10 * MINUTE_MS,
    attest: 5 * MINUTE_MS,
  },
  fetchLimits: { maxBytes: 1024 ** 3, maxFiles: 50_000 },
  logLimits: {
    maxLines: 10_000,
    maxBytes: 4 * 1024 * 1024,
    maxLineLength: 4_000,
  },
};
