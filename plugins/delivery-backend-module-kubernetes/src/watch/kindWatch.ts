import {
  isForbidden,
  isGone,
  isNotFound,
  isStatus,
  KubeClient,
  rest,
} from '../client';
import { ObjectTable, TableChange } from './objectTable';
import { backOffMs, WatchTiming } from './timing';
import { WatchedKind } from './watchedKinds';

/** Whether what a table holds is what the cluster has. Times are epoch milliseconds. */
export type WatchStatus =
  | { state: 'current'; sinceMs: number }
  | { state: 'lost'; reason: string; sinceMs: number }
  /** The cluster does not serve the kind: there are none of it. */
  | { state: 'absent'; sinceMs: number };

export interface KindWatchOptions {
  client: Pick<KubeClient, 'list' | 'watch'>;
  kind: WatchedKind;
  namespace?: string;
  table: ObjectTable;
  timing: WatchTiming;
  onChanges(changes: TableChange[]): void;
  onStatus(status: WatchStatus): void;
  /** What broke, for the log. */
  onProblem(message: string): void;
  random?: () => number;
}

class QuietWatchError extends Error {
  readonly name = 'QuietWatchError';
}

/**
 * Keeps a table equal to what the cluster has of one kind, until the signal: a
 * list, then a watch that goes on where the last one ended. Lists again only
 * when the server has forgotten that point (410).
 *
 * A watch that says nothing for `quietMs` is ended and begun again. Whatever
 * breaks, the state stays `current` for `graceMs`, and is `lost` after that
 * until the watch is answered again.
 */
export async function watchKind(
  options: KindWatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const { client, kind, namespace, table, timing, onStatus, onProblem } =
    options;
  const random = options.random ?? Math.random;
  const selectors = {
    labelSelector: kind.labelSelector,
    fieldSelector: kind.fieldSelector,
    namespace,
  };
  let status: WatchStatus | undefined;
  let grace: NodeJS.Timeout | undefined;
  let lastProblem = 'It is being listed';
  let failures = 0;

  function tell(next: WatchStatus) {
    if (!signal.aborted && status?.state !== next.state) {
      status = next;
      onStatus(next);
    }
  }

  function wellAgain() {
    clearTimeout(grace);
    grace = undefined;
    tell({ state: 'current', sinceMs: Date.now() });
  }

  function troubled(problem: string) {
    lastProblem = problem;
    onProblem(problem);
    const sinceMs = Date.now();
    grace ??= setTimeout(() => {
      tell({ state: 'lost', reason: lastProblem, sinceMs });
    }, timing.graceMs);
  }

  /** Until the server ends it; errors: it was quiet for too long, and the client's. */
  async function watchOnce(resourceVersion: string) {
    const quiet = new AbortController();
    const dead = () =>
      quiet.abort(
        new QuietWatchError(
          `The watch of ${kind.kind} said nothing for ${timing.quietMs} ms, not even a bookmark`,
        ),
      );
    let timer = setTimeout(
      () =>
        quiet.abort(
          new QuietWatchError(
            `The watch of ${kind.kind} was not answered within ${timing.openMs} ms`,
          ),
        ),
      timing.openMs,
    );
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(dead, timing.quietMs);
    };
    try {
      await client.watch(
        kind,
        {
          ...selectors,
          resourceVersion,
          timeoutSeconds: timing.lifeSeconds,
          onOpen: () => {
            heard();
            wellAgain();
          },
        },
        event => {
          heard();
          failures = 0;
          const changes = table.apply({ type: 'event', event });
          if (changes?.length) {
            options.onChanges(changes);
          }
        },
        AbortSignal.any([signal, quiet.signal]),
      );
    } finally {
      clearTimeout(timer);
    }
  }

  async function list(): Promise<void> {
    const { items, resourceVersion } = await client.list(
      kind,
      { ...selectors, slim: kind.slim },
      signal,
    );
    const changes = table.apply({ type: 'list', items, resourceVersion });
    if (!changes) {
      throw new Error(
        `The list of ${kind.kind} is older than what is known already`,
      );
    }
    if (changes.length > 0) {
      options.onChanges(changes);
    }
    wellAgain();
  }

  /** What to do after an error: how long to wait, and whether to list. */
  function afterError(error: unknown): { waitMs: number; relist: boolean } {
    const message = error instanceof Error ? error.message : String(error);
    if (isGone(error)) {
      onProblem(message);
      return { waitMs: 0, relist: true };
    }
    if (isNotFound(error)) {
      clearTimeout(grace);
      grace = undefined;
      const changes = table.apply({
        type: 'list',
        items: [],
        resourceVersion: table.resourceVersion ?? '0',
      });
      options.onChanges(changes ?? []);
      tell({ state: 'absent', sinceMs: Date.now() });
      return { waitMs: timing.absentMs, relist: true };
    }
    troubled(message);
    if (isForbidden(error) || isStatus(error, 401)) {
      return { waitMs: jittered(timing.absentMs / 4), relist: true };
    }
    failures += 1;
    return { waitMs: backOffMs(timing, failures, random), relist: false };
  }

  function jittered(ms: number) {
    return ms / 2 + (ms / 2) * random();
  }

  let relist = true;
  while (!signal.aborted) {
    let waitMs = 0;
    try {
      if (relist || table.resourceVersion === undefined) {
        await list();
        relist = false;
      }
      const startedAtMs = Date.now();
      await watchOnce(table.resourceVersion ?? '0');
      // A server that ends watches at once must not be asked without a pause.
      failures = Date.now() - startedAtMs > 1_000 ? 0 : failures + 1;
      waitMs = failures > 0 ? backOffMs(timing, failures, random) : 0;
    } catch (error) {
      if (signal.aborted) {
        break;
      }
      const next = afterError(error);
      waitMs = next.waitMs;
      relist ||= next.relist;
    }
    await rest(waitMs, signal);
  }
  clearTimeout(grace);
}
