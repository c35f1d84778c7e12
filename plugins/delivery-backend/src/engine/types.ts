import { LoggerService } from '@backstage/backend-plugin-api';
import { MetricsService } from '@backstage/backend-plugin-api/alpha';
import {
  Actor,
  AnalysisRun,
  AnalysisVerdict,
  Deployment,
  Measurement,
  ServiceRef,
  TargetRef,
} from '@slipway/backstage-plugin-delivery-common';
import {
  Connection,
  MetricProvider,
  Notifier,
  Plan,
} from '@slipway/backstage-plugin-delivery-node';
import { EnvironmentConfig } from '../definition';
import { DecideInput, DecideOutput } from '../rollout';
import { DeliveryStore, Lease, ReleaseRow, StoreTx } from '../store';

/** Where the engine takes the time from. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

/** The part of the release room that the engine drives. */
export interface ReleaseWork {
  /** One unit of work; persists itself and gives the lease back. */
  tick(lease: Lease, signal: AbortSignal): Promise<void>;
}

/**
 * The rooms that the engine calls. Tests of the engine replace the ones that
 * they do not want to run.
 */
export interface Rooms {
  decide(input: DecideInput): DecideOutput;
  judge(input: {
    run: AnalysisRun;
    measurements: Measurement[];
    nowMs: number;
  }): AnalysisVerdict;
  measure(input: {
    runs: AnalysisRun[];
    target: TargetRef;
    measurements: Measurement[];
    providers: MetricProvider[];
    nowMs: number;
    signal: AbortSignal;
    /** Of one query. */
    timeoutMs?: number;
  }): Promise<Measurement[]>;
  nextMeasurementAtMs(input: {
    runs: AnalysisRun[];
    measurements: Measurement[];
    nowMs: number;
  }): number | undefined;
  renderPlan(input: {
    release: ReleaseRow;
    environment: string;
    connection: Connection;
    store: DeliveryStore;
    signal: AbortSignal;
  }): Promise<Plan>;
}

/** Numbers that have a good default; tests and benchmarks set others. */
export interface EngineTuning {
  /** Targets that are worked on at the same time. */
  targetConcurrency: number;
  /** Releases that are made at the same time. */
  releaseConcurrency: number;
  /** How long a claim is good for; a killed worker's work is taken over after it. */
  leaseMs: number;
  /** How often to ask for due work when nothing wakes us. */
  pollMs: number;
  /** One read or write of the world. */
  callLimitMs: number;
  /** One rendering of a Plan. */
  renderLimitMs: number;
  /** The longest wait before looking again at a world that has to change. */
  lookAgainCapMs: number;
  /** How often to look at a target that is at rest, with nothing telling us. */
  restCheckMs: number;
  /** A deployment that did not start by then is cancelled. */
  startDeadlineMs: number;
}

export const DEFAULT_TUNING: EngineTuning = {
  targetConcurrency: 64,
  releaseConcurrency: 2,
  leaseMs: 6_000,
  pollMs: 1_000,
  callLimitMs: 5_000,
  renderLimitMs: 30_000,
  lookAgainCapMs: 3_000,
  restCheckMs: 600_000,
  startDeadlineMs: 24 * 3_600_000,
};

export interface EngineOptions {
  store: DeliveryStore;
  /** By name of the environment. */
  connections: ReadonlyMap<string, Connection>;
  environments: EnvironmentConfig[];
  releaseRunner?: ReleaseWork;
  /** Absent: news is written down and goes nowhere. */
  notifier?: Notifier;
  logger: LoggerService;
  /** Absent: nothing is counted. */
  metrics?: MetricsService;
  clock?: Clock;
  tuning?: Partial<EngineTuning>;
  rooms?: Partial<Rooms>;
  /** Names this process in leases; unique. */
  owner?: string;
}

export interface DeploymentRequest {
  service: ServiceRef;
  environment: string;
  releaseId: string;
  kind: Deployment['kind'];
  actor: Actor;
  /** Why, in a person's words. */
  cause: string;
  /** The same key is the same deployment; absent: a new one each time. */
  idempotencyKey?: string;
}

/** Whether the engine lives, for health checks and people. */
export interface EngineStats {
  running: boolean;
  loops: LoopStats[];
}

export interface LoopStats {
  name: string;
  active: number;
  done: number;
  failed: number;
  /** When the database last answered a claim. */
  lastClaimAtMs?: number;
  /** Claims in a row that the database did not answer. */
  consecutiveClaimFailures: number;
  lastError?: string;
}

export interface Engine {
  /** Begins to work; returns at once. */
  start(): void;
  /** Takes no more work and waits for what is running, which is interrupted between two steps. */
  stop(): Promise<void>;
  /** Something about the target may have changed: look now. Never throws. */
  poke(target: TargetRef): void;
  /** Looks for due work now, after a row was added that the engine answers. */
  wake(): void;
  /**
   * Brings a release to an environment, or back to it.
   *
   * Errors: `NotFoundError` (no such environment, release), `InputError` (the
   * release has no such environment, is another service's), `ConflictError`
   * (not ready, cannot be rolled back to, the queue policy rejects).
   */
  requestDeployment(request: DeploymentRequest): Promise<Deployment>;
  /**
   * The deployments that a finished release starts on its own. Written in the
   * transaction of the release's last step, so that none can be lost.
   */
  planAutomaticDeployments(
    release: ReleaseRow,
    tx: StoreTx,
  ): Promise<Deployment[]>;
  stats(): EngineStats;
}
