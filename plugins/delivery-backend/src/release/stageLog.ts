import { LoggerService } from '@backstage/backend-plugin-api';
import { StageLog } from '@slipway/backstage-plugin-delivery-node';
import { DeliveryStore } from '../store';
import { ReleaseTuning } from './types';

/** The log of one run of one stage. */
export interface StageLogWriter {
  log: StageLog;
  /** Writes what is waiting. Never throws: a log is no reason to fail. */
  flush(): Promise<void>;
  /** Takes no more lines, and flushes. */
  close(): Promise<void>;
}

const FLUSH_AFTER_MS = 250;
const FLUSH_AT_LINES = 200;

/**
 * Lines are redacted, bounded and written in batches: a stage that prints a
 * million lines costs no more than one that prints as many as are kept.
 */
export function createStageLog(options: {
  store: Pick<DeliveryStore, 'releases'>;
  releaseId: string;
  stage: string;
  limits: ReleaseTuning['logLimits'];
  redact: (text: string) => string;
  nowMs: () => number;
  logger: LoggerService;
}): StageLogWriter {
  const { store, releaseId, stage, limits, redact, nowMs, logger } = options;
  let waiting: Array<{ atMs: number; text: string }> = [];
  let lines = 0;
  let bytes = 0;
  let full = false;
  let closed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> = Promise.resolve();

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    waiting = [];
    if (batch.length > 0) {
      writing = writing.then(async () => {
        try {
          await store.releases.appendLog(releaseId, stage, batch);
        } catch (error) {
          logger.warn(
            `${batch.length} log lines of release ${releaseId} (${stage}) are lost: ${error}`,
          );
        }
      });
    }
    return writing;
  }

  function add(text: string) {
    waiting.push({ atMs: nowMs(), text });
    if (waiting.length >= FLUSH_AT_LINES) {
      void flush();
    } else {
      timer ??= setTimeout(() => void flush(), FLUSH_AFTER_MS).unref();
    }
  }

  function addLine(line: string) {
    if (full || closed) {
      return;
    }
    // Cut before redacting, so that a hostile line costs nothing; a secret
    // that is cut in two at the limit would have lost its shape, so the
    // redactor sees a little more than is kept.
    const seen = redact(line.slice(0, limits.maxLineLength + 1_000));
    const text =
      seen.length > limits.maxLineLength
        ? `${seen.slice(0, limits.maxLineLength)}… (cut)`
        : seen;
    lines += 1;
    bytes += Buffer.byteLength(text);
    if (lines > limits.maxLines || bytes > limits.maxBytes) {
      full = true;
      add('… the log is longer than what is kept; the rest is left out');
      return;
    }
    add(text);
  }

  return {
    log: text => {
      for (const line of text.split(/\r\n|\r|\n/)) {
        addLine(line);
      }
    },
    flush,
    async close() {
      closed = true;
      await flush();
    },
  };
}
