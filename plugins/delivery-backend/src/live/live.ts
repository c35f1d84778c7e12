import { randomBytes } from 'node:crypto';
import { LoggerService } from '@backstage/backend-plugin-api';
import {
  InstanceState,
  Observed,
  TargetRef,
  TargetSurroundings,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  InstanceNews,
} from '@slipway/backstage-plugin-delivery-node';
import { Live, LiveChange, LiveListener, LivePosition } from './types';

/*
 * Instance state is not stored: each backend projects its own watches. Every
 * change gets a sequence number of this process, so that a viewer who comes
 * back to the same process gets only what it missed, and one who comes to
 * another process gets a snapshot.
 *
 * Memory is bounded twice: by the number of targets (the one that changed
 * longest ago is forgotten, and is then honestly unknown) and by the number
 * of instances of one target.
 */

/** More than any estate we promise (30,000 environments), far below a heap. */
const MAX_TARGETS = 50_000;
/** What a person can look at; the engine observes for itself. */
const MAX_INSTANCES = 500;

export interface LiveOptions {
  /** By environment name; environments may share a connection. */
  connections: ReadonlyMap<string, Pick<Connection, 'live' | 'type' | 'name'>>;
  logger: LoggerService;
  /** Hears what happened to instances by itself. Never throws. */
  onNews?: (news: InstanceNews) => void;
  clock?: () => number;
  maxTargets?: number;
}

/** Keeps the latest instances of each target, whoever looks. */
export function createLive(options: LiveOptions): Live {
  const { connections, logger, onNews } = options;
  const clock = options.clock ?? Date.now;
  const maxTargets = options.maxTargets ?? MAX_TARGETS;
  const process = randomBytes(6).toString('hex');
  const startedAtMs = clock();

  // A Map keeps insertion order; re-inserting on change makes the first key
  // the one that changed longest ago.
  const latest = new Map<string, LiveChange>();
  const listeners = new Set<LiveListener>();
  let sequence = 0;

  function notReported({ environment }: TargetRef) {
    const unknown = connections.has(environment)
      ? 'The connection has not reported this target yet'
      : `No connection is configured for environment "${environment}"`;
    return { unknown, sinceMs: startedAtMs };
  }

  function record(
    target: TargetRef,
    told: {
      state?: Observed<InstanceState[]>;
      surroundings?: Observed<TargetSurroundings>;
    },
  ) {
    const key = stringifyTarget(target);
    const before = latest.get(key);
    sequence += 1;
    const change = {
      target,
      state: told.state
        ? bounded(told.state)
        : before?.state ?? notReported(target),
      surroundings: told.surroundings ?? before?.surroundings,
      sequence,
    };
    latest.delete(key);
    latest.set(key, change);
    if (latest.size > maxTargets) {
      const oldest = latest.keys().next();
      if (!oldest.done) {
        latest.delete(oldest.value);
      }
    }
    for (const listener of listeners) {
      try {
        listener(change);
      } catch (error) {
        // One viewer's fault must not end the watch for the others.
        logger.error(`A listener to live changes failed for ${key}`, {
          error: String(error),
        });
      }
    }
  }

  return {
    start(signal: AbortSignal) {
      const watched = new Set<unknown>();
      for (const connection of connections.values()) {
        // Environments with other metrics have the same watch.
        if (watched.has(connection.live)) {
          continue;
        }
        watched.add(connection.live);
        try {
          connection.live.watch(
            (target, state) => {
              if (!signal.aborted) {
                record(target, { state });
              }
            },
            signal,
            news => {
              if (!signal.aborted) {
                onNews?.(news);
              }
            },
            (target, surroundings) => {
              if (!signal.aborted) {
                record(target, { surroundings });
              }
            },
          );
        } catch (error) {
          // The port says that it never throws; if it does, only this
          // connection's targets stay unknown.
          logger.error(
            `The live watch of connection ${connection.type}/${connection.name} did not start; its instances stay unknown`,
            { error: String(error) },
          );
        }
      }
    },
    instances(target: TargetRef): Observed<InstanceState[]> {
      return latest.get(stringifyTarget(target))?.state ?? notReported(target);
    },
    surroundings(target: TargetRef): Observed<TargetSurroundings> | undefined {
      return latest.get(stringifyTarget(target))?.surroundings;
    },
    onChange(listener: LiveListener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    position(): LivePosition {
      return { process, sequence };
    },
    changedSince(after: number): LiveChange[] {
      const changes: LiveChange[] = [];
      for (const change of latest.values()) {
        if (change.sequence > after) {
          changes.push(change);
        }
      }
      return changes;
    },
  };
}

function bounded(state: Observed<InstanceState[]>): Observed<InstanceState[]> {
  if ('known' in state && state.known.length > MAX_INSTANCES) {
    return { ...state, known: state.known.slice(0, MAX_INSTANCES) };
  }
  return state;
}
