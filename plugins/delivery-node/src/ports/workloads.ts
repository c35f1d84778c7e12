import {
  DelegatedState,
  JobState,
  Observed,
  PlanDiff,
  StrategyModel,
  TargetRef,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';
import { Plan, PlanObject, PlanReference } from './plan';
import { Fence, Fencing } from './fence';

/** Brings the running copies of Plans to the wanted number. @public */
export interface Workloads {
  readonly fencing: Fencing;
  /**
   * Looks at a rendered Plan before anything is applied: how many instances
   * it asks for, what would be ignored, what it refers to and does not contain,
   * and what makes it impossible (`InputError`: "entrypoint is not node", "no
   * Deployment found").
   */
  inspect(
    objects: PlanObject[],
    images: Record<string, string>,
    target: TargetRef,
    options?: {
      jobs?: string[];
      /**
       * The strategy has such steps: wrong where the Plan itself lacks what they
       * need, for example a route.
       */
      beside?: Array<'route' | 'mirror'>;
    },
  ): Promise<{
    replicas: number;
    ignored: string[];
    references?: PlanReference[];
  }>;
  ensure(
    target: TargetRef,
    fence: Fence,
    generation: {
      generation: string;
      plan: Plan;
      track: string;
      replicas: number;
      /**
       * Not in a copy of its own, but where the environment's own controller
       * rolls: what is in place is replaced by this Plan. With 0 replicas and
       * another generation in place: nothing is done.
       */
      inPlace?: true;
    },
    signal: AbortSignal,
  ): Promise<void>;
  observe(
    target: TargetRef,
    signal: AbortSignal,
  ): Promise<Observed<WorkloadsState>>;
  /**
   * The same for people who look at a target that the live source has told
   * nothing of: it asks the environment nothing, and may be behind by a moment.
   * Nothing is decided by it. Absent: `observe` is asked, for all viewers
   * together.
   */
  glance?(
    target: TargetRef,
    signal: AbortSignal,
  ): Promise<Observed<WorkloadsState>>;
  remove(
    target: TargetRef,
    fence: Fence,
    generation: string,
    signal: AbortSignal,
  ): Promise<void>;
}

/**
 * Runs Jobs of a Plan, each once: what `hooks` of a delivery definition name.
 *
 * A run is named by its key. Starting a key again is no second run, whatever
 * became of the first one, also after the adapter's own process was killed.
 *
 * @public
 */
export interface Jobs {
  readonly fencing: Fencing;
  /**
   * Errors: `InputError` when the objects hold no such Job, or it cannot run
   * here ("entrypoint is not node").
   */
  inspect(
    objects: PlanObject[],
    images: Record<string, string>,
    target: TargetRef,
    job: string,
  ): Promise<void>;
  /** Errors: `StaleEpochError`; whatever keeps it from being started. */
  start(
    target: TargetRef,
    fence: Fence,
    plan: Plan,
    job: string,
    key: string,
    signal: AbortSignal,
  ): Promise<void>;
  /** `absent` for a key that was never started. */
  observe(
    target: TargetRef,
    key: string,
    signal: AbortSignal,
  ): Promise<Observed<JobState>>;
  /**
   * Ends what still runs under the key, gracefully; nothing for what has ended
   * or was never started. It is `failed` afterwards.
   */
  stop(
    target: TargetRef,
    fence: Fence,
    key: string,
    signal: AbortSignal,
  ): Promise<void>;
}

/** Objects beside the workloads. `before`: additive only; `promote`: the shared ones. @public */
export interface PlanObjects {
  apply(
    target: TargetRef,
    fence: Fence,
    plan: Plan,
    phase: 'before' | 'promote',
    signal: AbortSignal,
  ): Promise<void>;
  prune(
    target: TargetRef,
    fence: Fence,
    keep: Plan[],
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * What applying the Plan would change of what runs, its workload included;
   * asked of the environment itself, and nothing is written. Values of secrets
   * are in no answer.
   */
  diff?(target: TargetRef, plan: Plan, signal: AbortSignal): Promise<PlanDiff>;
}

/**
 * A part of a strategy that an environment cannot express, for the person who
 * wrote it.
 *
 * @public
 */
export interface StrategyPart {
  /** In the words of a definition, below `strategy`: `['rolling', 'maxSurge']`. */
  path: Array<string | number>;
  /** "a whole number of percents, as Kubernetes knows no parts of one" */
  expected: string;
  /** "12.5%" */
  found: string;
  /** What to do. */
  hint?: string;
}

/**
 * Another controller leads the rollout, in the one place that it rolls:
 * Kubernetes a Deployment, ECS a service. We ask, watch, judge, and go back by
 * asking for the Plan before. It fences as `Workloads` of the same connection
 * does, and what it runs is seen by `Workloads.observe`.
 *
 * @public
 */
export interface DelegatedRollout {
  /** Who leads, for people: "Kubernetes". */
  readonly leader: string;
  /**
   * A program for `start`, or what of the strategy it cannot express. Asked for
   * each definition that is read: it costs nothing, and asks the world nothing.
   * `parts` says the same with places in the definition; a controller without
   * it has the whole strategy refused.
   */
  lower(
    strategy: StrategyModel,
  ):
    | { program: Record<string, unknown> }
    | { cannot: string[]; parts?: StrategyPart[] };
  /**
   * Brings the Plan in place, under the key. Again with the same key: changes
   * nothing but `paused`. With another key: whatever goes on is replaced by
   * this.
   */
  start(
    target: TargetRef,
    fence: Fence,
    run: {
      key: string;
      generation: string;
      plan: Plan;
      replicas: number;
      program: Record<string, unknown>;
      paused: boolean;
      /** The controller's own deadline for progress. */
      progressDeadlineMs: number;
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** How the run goes; `undefined` inside of `known`: nothing was started here. */
  observe(
    target: TargetRef,
    signal: AbortSignal,
  ): Promise<Observed<DelegatedState | undefined>>;
}
