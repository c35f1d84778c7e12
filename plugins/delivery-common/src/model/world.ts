import { Digest } from './identity';
import { Observed } from './observed';
import { TrafficRoute, TrafficShare } from './traffic';

/** @public */
export type InstancePhase =
  | 'pulling'
  | 'starting'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'backing-off'
  | 'unknown';

/** A named cause with its evidence and the fixing action. @public */
export interface HealthCause {
  /** `probe-failing`, `crash-loop`, `image-pull`, `exited`, `not-runnable`... */
  code: string;
  summary: string;
  evidence?: string;
  action?: string;
  /** Who or what did it: a program, as the environment calls it. */
  by?: string;
  sinceMs: number;
  /**
   * `error` (the default): something does not work. `warning`: it works, and
   * something is in the way. `info`: it is on its way.
   */
  level?: 'error' | 'warning' | 'info';
}

/**
 * A cause that is no single instance's: a Service that selects nothing, a
 * route that is not taken, a quota, an autoscaler at its maximum.
 *
 * @public
 */
export interface TargetCause extends HealthCause {
  /** What it is about, as the environment calls it: `Service/checkout`. */
  about?: string;
  /** Set when it concerns one running copy only. */
  generation?: string;
}

/**
 * What is known of a target beside its instances.
 *
 * @public
 */
export interface TargetSurroundings {
  /** What breaks most first. */
  causes: TargetCause[];
  /**
   * How many instances of a generation the world is asked for, where that is
   * another number than the Plan's: an autoscaler's, or a person's.
   */
  wanted?: Record<string, number>;
}

/**
 * One thing that a connection needs of its world: a right, a kind, a version.
 *
 * @public
 */
export interface ConnectionCheck {
  /** Stays the same from check to check: `rights:shop`. */
  id: string;
  title: string;
  /**
   * `missing`: deployments fail without it. `limited`: less works without it.
   * `unknown`: it could not be looked at.
   */
  status: 'ok' | 'missing' | 'limited' | 'unknown';
  /** What was found, and what it is needed for; may have several lines. */
  message: string;
  /** How to give it: a command, or what to do. */
  fix?: string;
}

/** @public */
export interface InstanceState {
  id: string;
  generation: string;
  phase: InstancePhase;
  ready: boolean;
  restarts: number;
  startedAtMs?: number;
  /** What really runs, per image name; absent when it is not known. */
  digests?: Record<string, Digest>;
  /** Where it answers, for people: `127.0.0.1:31001`. */
  address?: string;
  cause?: HealthCause;
}

/** @public */
export interface GenerationState {
  generation: string;
  planId: string;
  wanted: number;
  ready: number;
  instances: InstanceState[];
  /** It was there before us, and serves until something of ours has the traffic. */
  adopted?: true;
  cause?: HealthCause;
}

/**
 * Something of a target that is not as we wrote it, while nothing of ours is
 * being written.
 *
 * @public
 */
export interface Drift {
  /**
   * `edited`: somebody has written it since. `admission`: it is changed on its
   * way in, each time that it is written. `copy`: something else passes for
   * ours. Only the first is put right by writing it again.
   */
  kind: 'edited' | 'admission' | 'copy';
  /** What it is about, as the environment calls it: `Deployment/checkout`. */
  about: string;
  /**
   * What is different, and nothing else: who did it and when stand beside it.
   * The same as long as nothing changes.
   */
  message: string;
  /** The program that did it, or what may have, where the environment tells. */
  by?: string;
  /** When, where the environment tells. */
  atMs?: number;
  /** What of it is different, as far as it is known. */
  fields?: DriftedField[];
}

/** One field that is not as it was written. @public */
export interface DriftedField {
  /** As the environment calls it: `.spec.replicas`. */
  field: string;
  /** As it was written; absent: not known from what stands there. */
  expected?: string;
  /** As it is; absent: not told, as any field may hold what is secret. */
  found?: string;
}

/** @public */
export interface WorkloadsState {
  generations: GenerationState[];
  /** What others have changed; absent: nothing, or the adapter cannot tell. */
  drift?: Drift[];
}

/** @public */
export interface TrafficState {
  /** What the router was told and took. */
  accepted: TrafficShare[];
  /** Beside the shares; absent: none. */
  routes?: TrafficRoute[];
  /**
   * Nothing divides requests but the number of instances: each that is ready
   * carries the same, and a generation that is tried gets no more of them than
   * its share allows.
   */
  byInstances?: true;
  /** What really flowed of late, where the data plane tells; absent without traffic. */
  measured?: { shares: TrafficShare[]; requests: number; windowMs: number };
  /** Where the service answers, for people. */
  address?: string;
  /** Why it is not as it should be: not taken yet, changed by hand... */
  causes?: HealthCause[];
}

/** How a rollout goes that another controller leads. @public */
export interface DelegatedState {
  /** Of the run that was asked for last, as the world tells it. */
  key: string;
  phase:
    | 'running'
    | 'paused'
    /** All of it is in place and serves, and nothing else does. */
    | 'succeeded'
    /** The controller gave up, or its deadline passed. */
    | 'failed'
    /** The controller went back by itself. */
    | 'rolled-back'
    /** Somebody else has asked it for something else since. */
    | 'foreign';
  message: string;
  cause?: HealthCause;
}

/**
 * The one run of a Job of a Plan.
 *
 * @public
 */
export interface JobState {
  phase:
    | 'absent'
    | 'running'
    | 'succeeded'
    | 'failed'
    /** It was started, and whether it succeeded cannot be known any more. */
    | 'lost';
  startedAtMs?: number;
  finishedAtMs?: number;
  /** How it ended or what it waits for: "exit code 1". */
  message?: string;
  /** The last lines that it wrote; bounded. */
  lastLines?: string[];
}

/** @public */
export interface World {
  workloads: Observed<WorkloadsState>;
  traffic: Observed<TrafficState>;
  /** While another controller leads. */
  delegated?: Observed<DelegatedState>;
}

/** @public */
export type Health =
  | 'healthy'
  | 'progressing'
  | 'degraded'
  | 'unknown'
  | 'idle';
