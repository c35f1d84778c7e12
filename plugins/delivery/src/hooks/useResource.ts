import { useCallback, useEffect, useRef, useState } from 'react';
import { toError } from '@backstage/errors';
import { useApi } from '@backstage/core-plugin-api';
import { ChangeEvent } from '@slipway/backstage-plugin-delivery-common';
import { deliveryEventsApiRef } from '../api';
import { useStreamStatus } from './useStreamStatus';

/** Hints that come together cause one fetch. */
const DEBOUNCE_MS = 100;
/** How often to look while the stream is not there. */
const POLL_MS = 10_000;

/** Something that is fetched and kept up to date while it is shown. */
export interface Resource<T> {
  value?: T;
  loading: boolean;
  /** The newest fetch failed; `value` is what was known before. */
  error?: Error;
  /** When `value` was fetched. */
  loadedAtMs?: number;
  /** Set when `value` may be out of date: since when. */
  staleSinceMs?: number;
  reload(): Promise<void>;
  /** Shows something before the backend has said so; the next fetch tells the truth. */
  mutate(change: (value: T) => T): void;
}

export interface ResourceOptions<T> {
  /** Which hints make it fetch again. A reset always does. */
  affectedBy?: (event: ChangeEvent, value: T | undefined) => boolean;
  /** Applies an event that carries the state itself; `undefined` when it does not concern this. */
  apply?: (value: T, event: ChangeEvent) => T | undefined;
  /** How often to look while the stream is there: rates change without a hint. */
  refreshEveryMs?: number;
  /** Fetched once, and again by `reload` only: it costs more than a look. */
  once?: boolean;
}

interface State<T> {
  key: string;
  value?: T;
  error?: Error;
  loadedAtMs?: number;
}

/**
 * Fetches `load()` for `key`, again on each hint that concerns it (and each
 * `refreshEveryMs`), and each 10 s while the stream is not there. A failing fetch keeps what was known and says
 * since when it is stale.
 */
export function useResource<T>(
  key: string,
  load: () => Promise<T>,
  options: ResourceOptions<T> = {},
): Resource<T> {
  const events = useApi(deliveryEventsApiRef);
  const status = useStreamStatus();
  const [state, setState] = useState<State<T>>({ key });
  const shownValue = state.key === key ? state.value : undefined;
  const latest = useRef({ load, options, key, value: shownValue });
  latest.current = { load, options, key, value: shownValue };
  const running = useRef<{
    key: string;
    again: boolean;
    done: Promise<void>;
  }>();
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);

  const fetchOnce = useCallback(async (forKey: string) => {
    try {
      const value = await latest.current.load();
      if (mounted.current && latest.current.key === forKey) {
        setState({ key: forKey, value, loadedAtMs: Date.now() });
      }
    } catch (cause) {
      if (mounted.current && latest.current.key === forKey) {
        setState(before => ({
          ...(before.key === forKey ? before : { key: forKey }),
          error: toError(cause),
        }));
      }
    }
  }, []);

  const reload = useCallback((): Promise<void> => {
    const forKey = latest.current.key;
    const current = running.current;
    if (current?.key === forKey) {
      current.again = true;
      return current.done;
    }
    const run = { key: forKey, again: false, done: Promise.resolve() };
    run.done = (async () => {
      do {
        run.again = false;
        await fetchOnce(forKey);
      } while (run.again && mounted.current && latest.current.key === forKey);
      if (running.current === run) {
        running.current = undefined;
      }
    })();
    running.current = run;
    return run.done;
  }, [fetchOnce]);

  useEffect(() => {
    reload();
  }, [key, reload]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const leave = events.subscribe(event => {
      const { affectedBy, apply } = latest.current.options;
      if (apply) {
        setState(before => {
          if (before.value === undefined) {
            return before;
          }
          const value = apply(before.value, event);
          return value === undefined ? before : { ...before, value };
        });
      }
      if (latest.current.options.once) {
        return;
      }
      if (event.kind === 'reset' || affectedBy?.(event, latest.current.value)) {
        timer ??= setTimeout(() => {
          timer = undefined;
          reload();
        }, DEBOUNCE_MS);
      }
    });
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, [events, reload]);

  // Also while connecting: a proxy may hold a stream back for ever.
  const lookEveryMs =
    status.state === 'live' ? options.refreshEveryMs : POLL_MS;
  const everyMs = options.once ? undefined : lookEveryMs;
  useEffect(() => {
    if (everyMs === undefined) {
      return undefined;
    }
    const timer = setInterval(() => {
      if (document.visibilityState !== 'hidden') {
        reload();
      }
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, reload]);

  const mutate = useCallback((change: (value: T) => T) => {
    setState(before =>
      before.value === undefined
        ? before
        : { ...before, value: change(before.value) },
    );
  }, []);

  const shown: State<T> = state.key === key ? state : { key };
  return {
    value: shown.value,
    error: shown.error,
    loadedAtMs: shown.loadedAtMs,
    loading: shown.value === undefined && shown.error === undefined,
    staleSinceMs:
      shown.error && shown.value !== undefined ? shown.loadedAtMs : undefined,
    reload,
    mutate,
  };
}
