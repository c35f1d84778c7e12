import {
  DelegatedState,
  isKnown,
  Observed,
  TargetRef,
  TrafficState,
  World,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { Clock } from './types';
import { withTimeLimit } from './timeLimit';

/**
 * While another controller leads, the traffic stays where it is: what was read
 * of it does for so long, and a look costs half.
 */
const LED_TRAFFIC_MS = 1_000;

/** What is read of a connection. */
export interface ObservedConnection {
  workloads: Pick<Connection['workloads'], 'observe'>;
  traffic: Pick<Connection['traffic'], 'observe'>;
  delegated?: Pick<NonNullable<Connection['delegated']>, 'observe'>;
}

export interface ObserveOptions {
  /** Another controller leads. */
  delegated: boolean;
  /** Our last write: what does not reflect it is read again. */
  revision?: number;
}

/** Reads what runs and where traffic goes; never throws, says `unknown`. */
export interface Observer {
  observe(
    target: TargetRef,
    connection: ObservedConnection,
    options: ObserveOptions,
    signal: AbortSignal,
  ): Promise<World>;
  forget(target: TargetRef): void;
}

/** Nothing started is nothing to tell. */
function present(
  observed: Observed<DelegatedState | undefined>,
): Pick<World, 'delegated'> {
  if (!isKnown(observed)) {
    return { delegated: observed };
  }
  const { known, ...rest } = observed;
  return known ? { delegated: { known, ...rest } } : {};
}

export function createObserver(options: {
  clock: Clock;
  callLimitMs: number;
}): Observer {
  const { clock, callLimitMs } = options;
  // So that `sinceMs` says since when it is unknown, not when we asked last.
  const unknownSince = new Map<string, number>();
  const ledTraffic = new Map<
    string,
    { seen: Observed<TrafficState>; atMs: number }
  >();

  async function read<T>(
    key: string,
    what: string,
    signal: AbortSignal,
    call: (signal: AbortSignal) => Promise<Observed<T>>,
  ): Promise<Observed<T>> {
    const unknown = (message: string, at = clock.now()): Observed<T> => {
      const sinceMs = Math.min(unknownSince.get(key) ?? at, at);
      unknownSince.set(key, sinceMs);
      return { unknown: message, sinceMs };
    };
    try {
      const seen = await withTimeLimit(what, callLimitMs, signal, call);
      if (isKnown(seen)) {
        unknownSince.delete(key);
        return seen;
      }
      return unknown(seen.unknown, seen.sinceMs);
    } catch (error) {
      signal.throwIfAborted();
      return unknown(`${error instanceof Error ? error.message : error}`);
    }
  }

  async function readTraffic(
    target: TargetRef,
    { traffic }: ObservedConnection,
    { delegated, revision = Infinity }: ObserveOptions,
    signal: AbortSignal,
  ): Promise<Observed<TrafficState>> {
    const id = stringifyTarget(target);
    const before = ledTraffic.get(id);
    if (
      delegated &&
      before &&
      isKnown(before.seen) &&
      before.seen.reflects >= revision &&
      clock.now() - before.atMs < LED_TRAFFIC_MS
    ) {
      return before.seen;
    }
    const atMs = clock.now();
    const seen = await read(
      `${id} traffic`,
      'Reading the traffic',
      signal,
      limited => traffic.observe(target, limited),
    );
    if (delegated) {
      ledTraffic.set(id, { seen, atMs });
    } else {
      ledTraffic.delete(id);
    }
    return seen;
  }

  return {
    async observe(target, connection, asked, signal) {
      const id = stringifyTarget(target);
      const leads = asked.delegated ? connection.delegated : undefined;
      const [workloads, traffic, delegated] = await Promise.all([
        read(`${id} workloads`, 'Reading the workloads', signal, limited =>
          connection.workloads.observe(target, limited),
        ),
        readTraffic(target, connection, asked, signal),
        leads &&
          read(
            `${id} delegated`,
            'Reading the rollout in place',
            signal,
            limited => leads.observe(target, limited),
          ),
      ]);
      return {
        workloads,
        traffic,
        ...(delegated && present(delegated)),
      };
    },
    forget(target) {
      const id = stringifyTarget(target);
      unknownSince.delete(`${id} workloads`);
      unknownSince.delete(`${id} traffic`);
      unknownSince.delete(`${id} delegated`);
      ledTraffic.delete(id);
    },
  };
}
