import { LoggerService } from '@backstage/backend-plugin-api';
import { Measurement, Reason } from '@slipway/backstage-plugin-delivery-common';
import { Connection } from '@slipway/backstage-plugin-delivery-node';
import { EnvironmentConfig } from '../definition';
import { DeliveryStore, DeploymentEvidence, ReleaseRow } from '../store';
import { createObserver, Observer } from './observe';
import { createPlanCache, PlanCache } from './planCache';
import { defaultRooms } from './rooms';
import {
  Clock,
  DEFAULT_TUNING,
  EngineOptions,
  EngineTuning,
  Rooms,
} from './types';

/**
 * What one process remembers of a target between ticks. Losing it costs a look
 * or a write more and nothing else: everything that matters is in the store.
 */
export interface TargetMemory {
  /** The last failed converge. */
  trouble?: {
    reason: Reason;
    attempts: number;
    /** How many of them ran out of time. */
    timeOuts?: number;
    retryAtMs: number;
  };
  /** Starts that failed for a technical cause, by deployment. */
  startTrouble: Map<string, { attempts: number; retryAtMs: number }>;
  /** What was written last, and over which view of the world. */
  lastWrite?: { signature: string; atMs: number };
  /** What the world looked like, and since when it looks like that. */
  waiting?: { signature: string; sinceMs: number };
  /** The last failed start of a job, by the key of the run. */
  jobTrouble?: { key: string; message: string; sinceMs: number };
  /** What is measured of a deployment when its target is at this version. */
  measured?: {
    deploymentId: string;
    rowVersion: number;
    rows: Measurement[];
  };
  /** What the store has of the active deployment's evidence. */
  evidence?: { deploymentId: string; known: Partial<DeploymentEvidence> };
  /** Looks in a row that threw. */
  failures?: number;
}

/** What the parts of the engine share. */
export interface EngineContext {
  store: DeliveryStore;
  connections: ReadonlyMap<string, Connection>;
  environments: ReadonlyMap<string, EnvironmentConfig>;
  rooms: Rooms;
  tuning: EngineTuning;
  clock: Clock;
  logger: LoggerService;
  observer: Observer;
  plans: PlanCache;
  /** Finished releases do not change; the last used ones are kept. */
  releases: { get(id: string): Promise<ReleaseRow | undefined> };
  memory: Map<string, TargetMemory>;
  /** Wakes the outbox worker. */
  onNews(): void;
  /** Asks for due work soon: another target was made due. */
  onPoke(): void;
}

/** The memory of a target, made when there is none. */
export function memoryOf(context: EngineContext, id: string): TargetMemory {
  let memory = context.memory.get(id);
  if (!memory) {
    memory = { startTrouble: new Map() };
    context.memory.set(id, memory);
  }
  return memory;
}

/** Doubles from a second to a minute. */
export function backOffMs(attempts: number): number {
  return Math.min(60_000, 1_000 * 2 ** Math.min(6, Math.max(0, attempts - 1)));
}

/** A bounded cache of finished releases. */
export function createReleaseCache(
  store: DeliveryStore,
  capacity: number = 256,
): EngineContext['releases'] {
  const known = new Map<string, ReleaseRow>();
  return {
    async get(id) {
      const cached = known.get(id);
      if (cached) {
        return cached;
      }
      const row = await store.releases.get(id);
      if (row?.status === 'ready') {
        known.set(id, row);
        const oldest = known.keys().next();
        if (known.size > capacity && !oldest.done) {
          known.delete(oldest.value);
        }
      }
      return row;
    },
  };
}

/** What the parts of one engine share, with the defaults filled in. */
export function createEngineContext(options: EngineOptions): EngineContext {
  const { store, logger, connections } = options;
  const clock = options.clock ?? { now: () => Date.now() };
  const tuning = { ...DEFAULT_TUNING, ...options.tuning };
  return {
    store,
    connections,
    environments: new Map(
      options.environments.map(environment => [environment.name, environment]),
    ),
    rooms: { ...defaultRooms, ...options.rooms },
    tuning,
    clock,
    logger,
    observer: createObserver({ clock, callLimitMs: tuning.callLimitMs }),
    plans: createPlanCache(store),
    releases: createReleaseCache(store),
    memory: new Map(),
    onNews: () => {},
    onPoke: () => {},
  };
}
