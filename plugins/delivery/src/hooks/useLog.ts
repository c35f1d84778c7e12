import { useEffect, useRef, useState } from 'react';
import { toError } from '@backstage/errors';
import { LogChunk, LogLine } from '@slipway/backstage-plugin-delivery-common';

/** How long the backend may hold a poll that has nothing to say. */
const WAIT_MS = 20_000;
/** How many lines a browser keeps; older ones are counted as dropped. */
const KEEP_LINES = 2_000;
const PAUSE_MS = 1_000;
const RETRY_MS = 5_000;

export interface NumberedLine extends LogLine {
  number: number;
}

export interface Log {
  lines: NumberedLine[];
  dropped: number;
  ended: boolean;
  /** The newest poll failed; it is tried again. */
  error?: Error;
  loading: boolean;
}

const NOTHING: Log = { lines: [], dropped: 0, ended: false, loading: true };

/** Appends a chunk, keeps the last lines, counts what was dropped. */
export function appendChunk(
  before: Log,
  chunk: LogChunk,
  firstNumber: number,
): Log {
  const numbered = chunk.lines.map((line, index) => ({
    ...line,
    number: firstNumber + index,
  }));
  const all = [...before.lines, ...numbered];
  const over = Math.max(0, all.length - KEEP_LINES);
  return {
    lines: over ? all.slice(over) : all,
    dropped: before.dropped + (chunk.dropped ?? 0) + over,
    ended: chunk.ended,
    loading: false,
  };
}

/**
 * Follows a log by bounded long polls while it is shown and the tab is seen;
 * begins anew when `key` changes.
 */
export function useLog(
  key: string,
  poll: (request: { after?: string; waitMs: number }) => Promise<LogChunk>,
): Log {
  const [state, setState] = useState<{ key: string; log: Log }>({
    key,
    log: NOTHING,
  });
  const latest = useRef(poll);
  latest.current = poll;

  useEffect(() => {
    let stopped = false;
    let wake: (() => void) | undefined;
    const pause = (ms: number) =>
      new Promise<void>(resolve => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    const follow = async () => {
      let log = NOTHING;
      let after: string | undefined;
      let count = 0;
      const show = (next: Log) => {
        log = next;
        if (!stopped) {
          setState({ key, log });
        }
      };
      while (!stopped && !log.ended) {
        if (document.visibilityState === 'hidden') {
          await pause(PAUSE_MS);
          continue;
        }
        const startedMs = Date.now();
        try {
          const chunk = await latest.current({
            after,
            waitMs: after === undefined ? 0 : WAIT_MS,
          });
          after = chunk.nextOffset;
          show(appendChunk(log, chunk, count));
          count += chunk.lines.length;
          // A backend that does not hold polls must not be asked in a loop.
          if (
            !log.ended &&
            chunk.lines.length === 0 &&
            Date.now() - startedMs < PAUSE_MS
          ) {
            await pause(PAUSE_MS);
          }
        } catch (cause) {
          show({ ...log, loading: false, error: toError(cause) });
          await pause(RETRY_MS);
        }
      }
    };
    setState({ key, log: NOTHING });
    follow();
    return () => {
      stopped = true;
      wake?.();
    };
  }, [key]);

  return state.key === key ? state.log : NOTHING;
}
