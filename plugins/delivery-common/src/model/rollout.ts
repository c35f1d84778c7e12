import {
  AnalysisModel,
  Amount,
  HeaderMatch,
  StrategyModel,
} from './definition';
import { Actor, Digest } from './identity';
import { TrafficRoute, TrafficShare } from './traffic';
import { Reason, VerdictKind } from './verdict';
import { Drift } from './world';

/**
 * The running copy of a Plan in a Target, and where it came from.
 *
 * @public
 */
export interface GenerationRole {
  /** Derived from the Plan's hash; the same Plan is the same generation. */
  generation: string;
  planId: string;
  releaseId: string;
  /** Of the release, for people; absent in records of an older Slipway. */
  version?: string;
  deploymentId: string;
  /** Digest per image name of the definition. */
  digests: Record<string, Digest>;
  /** How many instances the Plan asks for when it serves everything. */
  replicas: number;
  /**
   * It runs in the one place that the environment's own controller rolls, and
   * not in a copy of its own: what comes there next replaces it.
   */
  inPlace?: true;
}

/** @public */
export type Track = 'stable' | 'canary' | 'preview' | 'draining';

/**
 * What the world should look like. The shell converges to the *latest* one;
 * it is never queued. A generation that is not named is removed, but only
 * after the shares in force give it nothing.
 *
 * @public
 */
export interface Desired {
  /** Grows by one with each change; observations name the one they reflect. */
  revision: number;
  generations: Array<{
    generation: string;
    planId: string;
    track: Track;
    replicas: number;
    inPlace?: true;
  }>;
  shares: TrafficShare[];
  /** At most one of each type, and only while a canary goes forward. */
  routes?: TrafficRoute[];
  /**
   * The environment's controller leads: it replaces what runs in place by this
   * generation. Neither instances nor shares of what is in place are ours then.
   */
  delegated?: DelegatedWish;
  /** The Plan whose shared objects (Service, HPA...) are in force. */
  sharedPlanId?: string;
}

/**
 * What another controller is asked to bring in place. @public
 */
export interface DelegatedWish {
  /** Names this one run; found again by it after a crash. */
  key: string;
  generation: string;
  planId: string;
  /** As the adapter lowered the strategy. */
  program: Record<string, unknown>;
  /** A person holds it where it is. */
  paused?: true;
}

/**
 * A strategy lowered to the primitive operations that one interpreter runs.
 *
 * @public
 */
export type StepModel =
  /** Bring the candidate to this many instances and wait until they are ready. */
  | { type: 'scale'; replicas: Amount }
  /** Give the candidate this share, never more than its ready capacity. */
  | { type: 'weight'; percent: number }
  /** Requests with these headers go to the candidate; none: no more. */
  | { type: 'route'; headers: HeaderMatch[] }
  /** The candidate also gets copies of this share of the requests; 0: no more. */
  | { type: 'mirror'; percent: number }
  | { type: 'pause'; durationMs?: number }
  | { type: 'analysis'; analysis: AnalysisModel }
  /** Replace stable by the candidate, batch by batch. */
  | { type: 'roll'; maxSurge: Amount; maxUnavailable: Amount }
  /** Another controller replaces stable by the candidate, in place; we watch and judge. */
  | { type: 'delegate'; leader: string; program: Record<string, unknown> }
  /** Run a Job of the candidate's Plan, once, and wait until it has ended well. */
  | { type: 'hook'; job: string; at: 'before' | 'after'; deadlineMs: number }
  /** The candidate becomes stable; what served before drains. */
  | { type: 'promote'; scaleDownDelayMs: number };

/** @public */
export type StepStatus = 'pending' | 'active' | 'done' | 'skipped' | 'failed';

/** @public */
export interface StepState {
  index: number;
  step: StepModel;
  status: StepStatus;
  startedAtMs?: number;
  finishedAtMs?: number;
  /** When the step's own waiting ends (pause, analysis, hook). */
  endsAtMs?: number;
  /** Set on analysis steps: key of the measurements. */
  analysisId?: string;
  verdict?: VerdictKind;
  /** Set on hook steps: names the one run of the Job, `deployment/attempt/hook`. */
  jobKey?: string;
  /** Why it was skipped or failed. */
  reason?: Reason;
}

/** @public */
export type PauseReason =
  /** A `pause` step. */
  | 'step'
  /** A person. */
  | 'manual'
  /** An analysis could not say yes or no. */
  | 'inconclusive'
  /** We could not do or know something; a person decides. */
  | 'errored';

/** @public */
export type RolloutPhase =
  | 'stepping'
  /** Traffic goes back to stable first, then the candidate is scaled away. */
  | 'aborting'
  | 'finished';

/** @public */
export type Outcome =
  | 'succeeded'
  /** A verdict said no; stable serves everything again. */
  | 'rolled-back'
  /** A verdict said no and there was nothing to go back to. */
  | 'failed'
  /** A person said no. */
  | 'aborted'
  | 'cancelled'
  | 'superseded';

/** @public */
export interface AnalysisRun {
  id: string;
  placement: 'step' | 'background';
  stepIndex?: number;
  analysis: AnalysisModel;
  candidate: string;
  baseline?: string;
  startedAtMs: number;
  /** Absolute: the verdict is due no later (duration + extension). */
  deadlineMs: number;
  status: 'running' | VerdictKind | 'stopped';
}

/**
 * The rollout of one Deployment, as the engine keeps it between ticks.
 *
 * @public
 */
export interface RolloutState {
  deploymentId: string;
  /** Raised by retry; part of every analysis id and idempotency key. */
  attempt: number;
  kind: 'deploy' | 'rollback' | 'restart';
  strategy: StrategyModel;
  candidate: GenerationRole;
  phase: RolloutPhase;
  steps: StepState[];
  stepIndex: number;
  /**
   * What the steps so far ask for. The desired state follows it as far as
   * ready capacity allows, and comes back to it when capacity does.
   * `stableReplicas` is set while stable is being replaced batch by batch;
   * `stableAtMost` after that was broken off, until the world has seen it: an
   * older observation may count instances that are being taken away.
   */
  goal?: {
    replicas: number;
    percent: number;
    stableReplicas?: number;
    stableAtMost?: number;
    /** Requests with these headers go to the candidate. */
    headers?: HeaderMatch[];
    /** The candidate gets copies of this share of the requests. */
    mirrorPercent?: number;
    /**
     * `running`: another controller replaces what is in place. `replaced`: it
     * has, and stable runs nowhere any more.
     */
    delegated?: 'running' | 'replaced';
    /** How often a person had the controller asked once more. */
    delegatedAgain?: number;
  };
  /** Index in `steps` from which the background analysis runs. */
  backgroundFromIndex?: number;
  startedAtMs: number;
  progressDeadlineWindowMs: number;
  /** Absolute; moved on by every bit of progress, suspended while paused. */
  progressDeadlineMs?: number;
  /** The greatest ready count and weight reached in this step: what progress means. */
  progressMark?: string;
  paused?: {
    reason: PauseReason;
    sinceMs: number;
    /** When it continues by itself. */
    untilMs?: number;
    /** Absolute: when nobody decided until here, it goes back by itself. */
    deadlineMs?: number;
    detail?: Reason;
  };
  /** What an abort leads to, and why. */
  abort?: {
    outcome: Outcome;
    reason: Reason;
    sinceMs: number;
    deadlineMs: number;
  };
  analyses: AnalysisRun[];
  outcome?: Outcome;
  reason?: Reason;
  finishedAtMs?: number;
  /** Set when a step fails for a technical cause: retried with back-off, then a person is asked. */
  error?: {
    reason: Reason;
    sinceMs: number;
    attempts: number;
    retryAtMs: number;
  };
}

/**
 * What others have changed, and what is done about it. @public
 */
export interface DriftState {
  /** Empty: nothing now, and the repairs below are not long ago. */
  found: Drift[];
  sinceMs: number;
  /** When it was put right by itself, of late; oldest first. */
  repairs: number[];
  /** What stands in the environment is written again, under this revision. */
  repairing?: { revision: number; atMs: number };
  /** Why it is not put right by itself any more: a person decides. */
  left?: Reason;
  /** When the owners hear of it, if it stays. */
  tellAtMs?: number;
  /** Of what they have heard, of late. */
  told?: Array<{ drift: string; atMs: number }>;
}

/**
 * Everything the engine remembers of a Target's world. One row, one version.
 *
 * @public
 */
export interface TargetRecord {
  stable?: GenerationRole;
  /** Kept serving-ready until the delay has passed, for an instant way back. */
  draining: Array<GenerationRole & { removeAtMs: number }>;
  rollout?: RolloutState;
  /** Newest first, what was promoted here; bounded. */
  promoted: Array<{
    releaseId: string;
    planId: string;
    generation: string;
    atMs: number;
  }>;
  desired: Desired;
  /** Since when stable is seen whole; kept by the engine for gates of other environments. */
  stableHealth?: {
    generation: string;
    /** Absent: not healthy, or not known. */
    healthySinceMs?: number;
    /** Sum over the instances: one more means that one of them died in between. */
    restarts: number;
  };
  /**
   * Others have changed what we would write, and so it is not written; kept by
   * the engine. `takeOver`: a person said that it is to be ours again.
   */
  conflict?: { message: string; sinceMs: number; takeOver?: true };
  /** What others have changed while nothing went on; kept by the engine. */
  drift?: DriftState;
  /**
   * A person said that the environment is to be given back: what is stable goes
   * on serving without us. Until that is done nothing else is done here; kept by
   * the engine.
   */
  giveBack?: GiveBackProgress;
  /** It was; until something of ours is stable here again. */
  givenBack?: { by: Actor; atMs: number };
  /** What cannot be observed of the last converge; kept by the engine. */
  applied?: {
    /** Shared objects of this Plan were applied. */
    sharedPlanId?: string;
    /** Everything of this revision was done. */
    revision: number;
    /** Pruned up to this revision; absent: up to `revision`. */
    prunedRevision?: number;
  };
}

/** How far giving back is. @public */
export interface GiveBackProgress {
  by: Actor;
  sinceMs: number;
  /** Of what serves on. */
  planId: string;
  /** What it waits for, or what is in its way. */
  message?: string;
  /** Absolute: when it is not done until here, it stops and a person is asked. */
  deadlineMs?: number;
  /**
   * It was not done in time. Nothing more of it is done: a person has it tried
   * again, or takes over.
   */
  overdue?: {
    sinceMs: number;
    reason: Reason;
    /** Absolute: when nobody decided until here, it is ours again. */
    deadlineMs: number;
  };
}
