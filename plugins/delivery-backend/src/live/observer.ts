import { LoggerService } from '@backstage/backend-plugin-api';
import {
  GenerationState,
  InstanceState,
  Observed,
  OperationView,
  TargetCause,
  TargetRecord,
  TargetRef,
  TargetSurroundings,
  TrackMetrics,
  TrafficState,
  WorkloadsState,
  isKnown,
  stringifyTarget,
} from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { SharedReads } from './sharedReads';
import { withTimeLimit } from './timeLimit';
import { readTracks, trackGenerations } from './trackMetrics';
import { Live, causesIn } from './types';

/*
 * What a page shows of the world. Instances come from the watch and cost
 * nothing; traffic, rates and operations are asked of the connection, but at
 * most once a second for a target whatever number of people look, and never
 * for longer than the time limit: a slow or failing connection makes its own
 * values unknown and delays nothing else for longer than that.
 */

const TTL_MS = 1_000;
const TIME_LIMIT_MS = 2_000;
const MAX_ENTRIES = 5_000;

export interface Observation {
  workloads: Observed<WorkloadsState>;
  traffic: Observed<TrafficState>;
  /** Absent: the connection does not tell. */
  causes?: Observed<TargetCause[]>;
  tracks: TrackMetrics[];
  operations: OperationView[];
}

export interface Observer {
  /** Without asking the connection: what the watch has brought. For lists. */
  glance(target: TargetRef, record: TargetRecord): Observation;
  /** The rates of stable alone, over the last minute. Never throws. */
  rates(target: TargetRef, record: TargetRecord): Promise<TrackMetrics[]>;
  /** Everything a page shows of one target. Never throws. */
  observe(target: TargetRef, record: TargetRecord): Promise<Observation>;
}

export interface ObserverOptions {
  connections: ReadonlyMap<string, Connection>;
  live: Pick<Live, 'instances' | 'surroundings'>;
  logger: LoggerService;
  clock?: () => number;
  timeLimitMs?: number;
}

export function createObserver(options: ObserverOptions): Observer {
  const { connections, live, logger } = options;
  const clock = options.clock ?? Date.now;
  const timeLimitMs = options.timeLimitMs ?? TIME_LIMIT_MS;
  const shared = { ttlMs: TTL_MS, maxEntries: MAX_ENTRIES, clock };
  const workloadReads = new SharedReads<Observed<WorkloadsState>>(shared);
  const trafficReads = new SharedReads<Observed<TrafficState>>(shared);
  const trackReads = new SharedReads<TrackMetrics[]>(shared);
  const operationReads = new SharedReads<OperationView[]>(shared);

  /** The value of the read, or the fallback made from its error. */
  async function attempt<T>(
    what: string,
    target: TargetRef,
    read: (signal: AbortSignal) => Promise<T>,
    fallback: (message: string) => T,
  ): Promise<T> {
    try {
      return await withTimeLimit(timeLimitMs, what, read);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      logger.debug(`${what} of ${stringifyTarget(target)}: ${message}`);
      return fallback(message);
    }
  }

  /** From the watch alone. */
  function seen(target: TargetRef, record: TargetRecord) {
    const surroundings = live.surroundings(target);
    return {
      workloads: toWorkloads(live.instances(target), record, surroundings),
      causes: causesIn(surroundings),
    };
  }

  function glance(target: TargetRef, record: TargetRecord): Observation {
    return {
      ...seen(target, record),
      traffic: {
        unknown: 'Traffic is not asked for in lists',
        sinceMs: clock(),
      },
      tracks: [],
      operations: [],
    };
  }

  /** The rates of stable alone, shared with who looks at the same. */
  function rates(
    target: TargetRef,
    record: TargetRecord,
  ): Promise<TrackMetrics[]> {
    const connection = connections.get(target.environment);
    const generations = trackGenerations(record).filter(
      ({ track }) => track === 'stable',
    );
    if (!connection || generations.length === 0) {
      return Promise.resolve([]);
    }
    return trackReads.read(
      `${stringifyTarget(target)} ${generations[0].generation}`,
      () =>
        attempt<TrackMetrics[]>(
          'The rates of stable',
          target,
          signal =>
            readTracks(
              connection.metrics,
              target,
              generations,
              clock(),
              signal,
            ),
          () => [],
        ),
    );
  }

  return {
    glance,
    rates,
    async observe(target, record) {
      const connection = connections.get(target.environment);
      const { workloads: fromWatch, causes } = seen(target, record);
      if (!connection) {
        const unknown = `No connection is configured for environment "${target.environment}"`;
        const sinceMs = clock();
        return {
          workloads: fromWatch,
          traffic: { unknown, sinceMs },
          causes,
          tracks: [],
          operations: [],
        };
      }
      const key = stringifyTarget(target);
      const generations = trackGenerations(record);
      const [workloads, traffic, tracks, operations] = await Promise.all([
        isKnown(fromWatch)
          ? fromWatch
          : workloadReads.read(key, () =>
              attempt<Observed<WorkloadsState>>(
                'The state of the instances',
                target,
                signal =>
                  connection.workloads.glance?.(target, signal) ??
                  connection.workloads.observe(target, signal),
                unknown => ({ unknown, sinceMs: clock() }),
              ),
            ),
        trafficReads.read(trafficKey(key, record), () =>
          attempt<Observed<TrafficState>>(
            'The traffic',
            target,
            signal =>
              connection.traffic.glance?.(target, signal) ??
              connection.traffic.observe(target, signal),
            unknown => ({ unknown, sinceMs: clock() }),
          ),
        ),
        trackReads.read(
          `${key} ${generations.map(g => g.generation).join(' ')}`,
          () =>
            attempt<TrackMetrics[]>(
              'The rates of the tracks',
              target,
              signal =>
                readTracks(
                  connection.metrics,
                  target,
                  generations,
                  clock(),
                  signal,
                ),
              () => [],
            ),
        ),
        operationReads.read(key, () =>
          attempt<OperationView[]>(
            'The list of operations',
            target,
            async signal => connection.operations?.list(target, signal) ?? [],
            () => [],
          ),
        ),
      ]);
      return { workloads, traffic, causes, tracks, operations };
    },
  };
}

/**
 * What was read before the engine moved on is not shown beside what it moved
 * on to: a page that fetches because a step is done sees that step's traffic.
 */
function trafficKey(key: string, { desired, rollout }: TargetRecord): string {
  return [key, desired.revision, rollout?.phase, rollout?.stepIndex].join(' ');
}

/** Groups the instances by generation, with what each generation should have. */
function toWorkloads(
  instances: Observed<InstanceState[]>,
  record: TargetRecord,
  surroundings: Observed<TargetSurroundings> | undefined,
): Observed<WorkloadsState> {
  if (!isKnown(instances)) {
    return instances;
  }
  const asked =
    surroundings && isKnown(surroundings)
      ? surroundings.known.wanted
      : undefined;
  const generations = new Map<string, GenerationState>();
  for (const wanted of record.desired.generations) {
    generations.set(wanted.generation, {
      generation: wanted.generation,
      planId: wanted.planId,
      wanted: asked?.[wanted.generation] ?? wanted.replicas,
      ready: 0,
      instances: [],
    });
  }
  for (const instance of instances.known) {
    const state = generations.get(instance.generation) ?? {
      generation: instance.generation,
      planId: '',
      wanted: 0,
      ready: 0,
      instances: [],
    };
    generations.set(instance.generation, state);
    state.instances.push(instance);
    state.ready += instance.ready ? 1 : 0;
    state.cause = state.cause ?? instance.cause;
  }
  return { ...instances, known: { generations: [...generations.values()] } };
}
