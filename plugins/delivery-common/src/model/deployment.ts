import { Actor, ServiceRef } from './identity';
import { Outcome, RolloutState } from './rollout';
import { TrafficShare } from './traffic';
import { Reason } from './verdict';

/** @public */
export type DeploymentStatus =
  /** Waits for its turn in the target's queue. */
  | 'queued'
  /** Waits for a gate; `waitingFor` says which. */
  | 'gated'
  | 'progressing'
  | 'paused'
  | 'aborting'
  /** Technical; retried, then waits for a person. */
  | 'errored'
  | Outcome;

/** @public */
export const TERMINAL_DEPLOYMENT_STATUSES: readonly DeploymentStatus[] = [
  'succeeded',
  'rolled-back',
  'failed',
  'aborted',
  'cancelled',
  'superseded',
];

/** @public */
export function isTerminalDeployment(status: DeploymentStatus): boolean {
  return TERMINAL_DEPLOYMENT_STATUSES.includes(status);
}

/** A condition that is not met yet. @public */
export interface GateState {
  gate: 'hold' | 'after' | 'approval' | 'window' | 'policy';
  open: boolean;
  /** "staging is healthy for 20 s of 1 min" */
  message: string;
  untilMs?: number;
}

/** @public */
export interface Deployment {
  id: string;
  service: ServiceRef;
  environment: string;
  releaseId: string;
  releaseVersion: string;
  commitSha: string;
  planId?: string;
  kind: 'deploy' | 'rollback' | 'restart';
  status: DeploymentStatus;
  outcome?: Outcome;
  reason?: Reason;
  /** Why a person or the automation started it. */
  cause: string;
  createdBy: Actor;
  createdAtMs: number;
  startedAtMs?: number;
  finishedAtMs?: number;
  /** Absolute: a deployment that never starts is cancelled here. */
  deadlineMs: number;
  waitingFor?: GateState[];
  /** Live while active; frozen afterwards. */
  rollout?: RolloutState;
  previousReleaseId?: string;
  rowVersion: number;
}

/**
 * Error-like log lines that the candidate of a deployment wrote and stable did
 * not. Lines count as the same when they differ in numbers, ids and times only.
 *
 * @public
 */
export interface LogNovelty {
  /** When the logs were compared. */
  atMs: number;
  /** Most telling first; bounded. Empty: nothing like that was found. */
  lines: LogNoveltyLine[];
  /** Kinds of such lines that are left out of `lines`. */
  more: number;
  /** How many lines of each were compared; 0 of stable means nothing to compare with. */
  compared: { candidate: number; stable: number };
  /** Why the logs could not be compared; `lines` is empty then. */
  problem?: string;
}

/** @public */
export interface LogNoveltyLine {
  /** The last line of its kind, with what belongs to it (a stack trace). */
  text: string;
  count: number;
  firstAtMs: number;
  lastAtMs: number;
  instance?: string;
}

/**
 * The shares of a target's traffic at one time of a deployment.
 *
 * @public
 */
export interface TrafficPoint {
  atMs: number;
  /** From here on, by generation, until the next point. */
  asked: TrafficShare[];
  /** What flowed in the `windowMs` before, where the data plane tells. */
  measured?: { shares: TrafficShare[]; requests: number; windowMs: number };
}

/** @public */
export interface Hold {
  by: Actor;
  sinceMs: number;
  reason: string;
  deploymentId?: string;
}

/** @public */
export interface TimelineEvent {
  id: string;
  atMs: number;
  /** kebab-case: `deployment-started`, `weight-set`, `verdict`, `instance-crashed`... */
  type: string;
  message: string;
  level: 'info' | 'warning' | 'error';
  service: ServiceRef;
  environment?: string;
  releaseId?: string;
  deploymentId?: string;
  actor?: Actor;
  reason?: Reason;
}
