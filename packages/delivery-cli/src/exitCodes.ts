/**
 * What a CI system reads. The numbers are part of the interface and do not
 * change.
 */
export const EXIT = {
  /** It was asked for and is done, or (without waiting) accepted. */
  succeeded: 0,
  /** The release is bad or somebody said no: failed, blocked, rolled back, aborted, cancelled, superseded. */
  failed: 1,
  /** We could not do or know something: errored, no connection, an unexpected answer. */
  errored: 2,
  /** The command line or the names on it are wrong. */
  usage: 3,
  /** The token is missing or may not do this. */
  denied: 4,
  /** `--timeout` passed; whatever was started goes on. */
  timedOut: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** How a command ended, and the sentence that is printed. */
export interface Ending {
  code: ExitCode;
  message: string;
  /** For `--json`. */
  result?: unknown;
}
