import { LoggerService } from '@backstage/backend-plugin-api';
import { ServiceUnavailableError, isError } from '@backstage/errors';
import {
  Connection,
  ConnectionFactory,
  DelegatedRollout,
  LiveSource,
} from '@slipway/backstage-plugin-delivery-node';

/*
 * A connection that does not start must not take the backend with it: its
 * environment is unknown, everything else goes on, and it is tried again with
 * back-off. Until it is there, observations are unknown and writes fail with
 * `ServiceUnavailableError`, which the engine takes for a technical error and
 * tries again.
 */

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

export interface RetryingConnectionOptions {
  factory: ConnectionFactory;
  name: string;
  logger: LoggerService;
  signal: AbortSignal;
  clock?: () => number;
  firstRetryMs?: number;
}

/** The connection if it starts at once, else a stand-in that becomes it. */
export async function createRetryingConnection(
  options: RetryingConnectionOptions,
): Promise<Connection> {
  const { factory, name } = options;
  try {
    return await factory.create(name);
  } catch (error) {
    return standIn(options, messageOf(error));
  }
}

function standIn(
  options: RetryingConnectionOptions,
  firstFailure: string,
): Connection {
  const { factory, name, logger, signal } = options;
  const clock = options.clock ?? Date.now;
  const sinceMs = clock();
  const label = `The connection ${factory.type}/${name}`;
  const watchers: Array<Parameters<LiveSource['watch']>> = [];
  let failure = firstFailure;
  let actual: Connection | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function retryIn(waitMs: number) {
    logger.error(
      `${label} did not start (${failure}); its environments are unknown until it does. Next attempt in ${waitMs} ms`,
    );
    timer = setTimeout(async () => {
      try {
        actual = await factory.create(name);
        logger.info(`${label} has started`);
        for (const watcher of watchers) {
          actual.live.watch(...watcher);
        }
      } catch (error) {
        failure = messageOf(error);
        if (!signal.aborted) {
          retryIn(Math.min(waitMs * 2, MAX_RETRY_MS));
        }
      }
    }, waitMs);
  }
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  retryIn(options.firstRetryMs ?? FIRST_RETRY_MS);

  function unavailable(): ServiceUnavailableError {
    return new ServiceUnavailableError(`${label} has not started: ${failure}`);
  }
  function unknown() {
    return { unknown: `${label} has not started: ${failure}`, sinceMs };
  }
  function ready(): Connection {
    if (!actual) {
      throw unavailable();
    }
    return actual;
  }

  /** Whether another controller leads here is not known before it starts. */
  const notYetDelegated: DelegatedRollout = {
    leader: factory.type,
    lower() {
      throw unavailable();
    },
    async start() {
      throw unavailable();
    },
    observe: async () => unknown(),
  };

  return {
    type: factory.type,
    name,
    notices: () => actual?.notices() ?? [`Not connected: ${failure}`],
    get renderers() {
      return ready().renderers;
    },
    workloads: {
      get fencing() {
        return actual?.workloads.fencing ?? 'check-then-act';
      },
      inspect: async (...args) => ready().workloads.inspect(...args),
      ensure: async (...args) => ready().workloads.ensure(...args),
      observe: async (...args) =>
        actual ? actual.workloads.observe(...args) : unknown(),
      get glance() {
        return actual?.workloads.glance;
      },
      remove: async (...args) => ready().workloads.remove(...args),
    },
    traffic: {
      get fencing() {
        return actual?.traffic.fencing ?? 'check-then-act';
      },
      capabilities: () =>
        actual?.traffic.capabilities() ?? {
          weights: false,
          measures: false,
          headers: false,
          mirror: false,
        },
      request: async (...args) => ready().traffic.request(...args),
      observe: async (...args) =>
        actual ? actual.traffic.observe(...args) : unknown(),
      get glance() {
        return actual?.traffic.glance;
      },
    },
    get objects() {
      return ready().objects;
    },
    get jobs() {
      return ready().jobs;
    },
    async check(...args) {
      if (actual) {
        return (await actual.check?.(...args)) ?? [];
      }
      return [
        {
          id: 'connection',
          title: `${label} starts`,
          status: 'missing',
          message: failure,
        },
      ];
    },
    get delegated() {
      return actual ? actual.delegated : notYetDelegated;
    },
    live: {
      watch(...watcher) {
        if (actual) {
          actual.live.watch(...watcher);
        } else {
          watchers.push(watcher);
        }
      },
    },
    get giveBack() {
      return actual?.giveBack?.bind(actual);
    },
    get operations() {
      return actual?.operations;
    },
    get metrics() {
      return actual?.metrics ?? [];
    },
    metricLabels: async (...args) =>
      (await actual?.metricLabels?.(...args)) ?? {},
    get logs() {
      return actual?.logs;
    },
  };
}

function messageOf(error: unknown): string {
  return isError(error) ? error.message : String(error);
}
