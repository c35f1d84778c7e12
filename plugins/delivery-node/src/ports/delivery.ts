import {
  PlanDiff,
  ConnectionCheck,
  DelegatedState,
  GenerationRole,
  InstanceState,
  JobState,
  LogChunk,
  MeasurementOutcome,
  Reason,
  Observed,
  OperationView,
  StrategyModel,
  TargetRef,
  TimelineEvent,
  TrafficShare,
  TrafficState,
  WorkloadsState,
} from '@slipway/backstage-plugin-delivery-common';

/**
 * Who writes: a growing number per Target (`epoch`) and the `revision` of the
 * desired state. A world that can compare refuses an older epoch.
 *
 * @public
 */
export interface Fence {
  epoch: number;
  revision: number;
  /**
   * A person said that what others have changed is to be ours again (the verb
   * _take over_). Without it an adapter refuses with `ConflictError` where the
   * world tells who else owns what it would write.
   */
  takeOver?: true;
}

/** Thrown by an adapter when the world has seen a newer epoch. @public */
export class StaleEpochError extends Error {
  readonly name = 'StaleEpochError';
  constructor(readonly ours: number, readonly theirs: number) {
    super(`The world has seen epoch ${theirs}, ours is ${ours}`);
  }
}

/** @public */
export type Fencing = 'compare-and-set' | 'idempotent' | 'check-then-act';

/** One rendered object. @public */
export interface PlanObject {
  /** `apps/v1/Deployment/checkout` */
  id: string;
  mediaType: string;
  bytes: Buffer;
  /** File and line in the sources, where the renderer knows them; no part of the Plan's hash. */
  origin?: string;
}

/**
 * What a Plan names and does not contain, such as a Secret of the environment.
 * A rollback applies the Plan again, and what it refers to as it is by then.
 *
 * @public
 */
export interface PlanReference {
  /** `Secret`, `ExternalSecret`, `PersistentVolumeClaim`... */
  kind: string;
  name: string;
  /** Its version is immutable and part of the Plan: a rollback brings it back. */
  restorable: boolean;
  /** The version when the Plan was made; never derived from a secret's value alone. */
  version?: string;
  /** Which part of it is used, for people: `keys url, token`. */
  detail?: string;
}

/** A Release rendered for one Target: immutable, hashed. @public */
export interface Plan {
  /** sha256 over everything below; hex. */
  id: string;
  target: TargetRef;
  releaseId: string;
  objects: PlanObject[];
  /** Image name of the definition to `repository:tag@sha256:...`. */
  images: Record<string, string>;
  replicas: number;
  /** What the environment does not do, to tell people: "HorizontalPodAutoscaler: ignored". */
  ignored: string[];
  /** Absent: the environment's connection does not tell. */
  references?: PlanReference[];
  /**
   * Names of Jobs among the objects that run as hooks: `Jobs` starts them when
   * their time has come, nobody else applies them.
   */
  jobs?: string[];
}

/** @public */
export interface RenderRequest {
  target: TargetRef;
  releaseId: string;
  /** The deploy bundle: manifest sources of the release, path -> bytes. */
  bundle: Map<string, Buffer>;
  path: string;
  images: Record<string, string>;
  signal: AbortSignal;
}

/** @public */
export interface Renderer {
  readonly id: 'plain' | 'kustomize' | 'helm' | string;
  /** `InputError` with file and line when the sources are wrong. */
  render(request: RenderRequest): Promise<PlanObject[]>;
}

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
    options?: { jobs?: string[] },
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

/** @public */
export interface TrafficRouter {
  readonly fencing: Fencing;
  capabilities(): {
    weights: boolean;
    measures: boolean;
    headers: boolean;
    mirror: boolean;
  };
  request(
    target: TargetRef,
    fence: Fence,
    shares: TrafficShare[],
    signal: AbortSignal,
  ): Promise<void>;
  observe(
    target: TargetRef,
    signal: AbortSignal,
  ): Promise<Observed<TrafficState>>;
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
  /** A program for `start`, or what of the strategy it cannot express. */
  lower(
    strategy: StrategyModel,
  ): { program: Record<string, unknown> } | { cannot: string[] };
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

/**
 * Something that happened to instances without us: a restart, an eviction, an
 * autoscaler's decision. It becomes an entry of the target's timeline.
 *
 * @public
 */
export interface InstanceNews {
  /**
   * Names what happened, the same wherever and whenever it is told: two
   * backends that both saw it make one entry.
   */
  key: string;
  target: TargetRef;
  atMs: number;
  /** kebab-case: `instance-restarted`, `instance-evicted`, `instance-replaced`, `scaled`... */
  type: string;
  message: string;
  level: TimelineEvent['level'];
  generation?: string;
  reason?: Reason;
}

/** Watches instances. One watch, whatever number of people look. @public */
export interface LiveSource {
  /**
   * Calls back with the whole state of a target whenever it changes, and with
   * `unknown` when the source is lost. Never throws; ends with the signal.
   * A source that can tell also says what happened by itself; who does not ask
   * for that gives no `onNews`.
   */
  watch(
    onChange: (target: TargetRef, state: Observed<InstanceState[]>) => void,
    signal: AbortSignal,
    onNews?: (news: InstanceNews) => void,
  ): void;
}

/** Optional verbs: restart, scale, delete an instance, example traffic. @public */
export interface Operations {
  list(target: TargetRef, signal: AbortSignal): Promise<OperationView[]>;
  /** `InputError` for arguments that make no sense. */
  run(
    target: TargetRef,
    operation: string,
    args: Record<string, string | number | boolean>,
    key: string,
    signal: AbortSignal,
  ): Promise<{ message: string }>;
}

/** @public */
export interface MetricQuery {
  target: TargetRef;
  generation: string;
  metric: string;
  fromMs: number;
  toMs: number;
  /** What the world calls the generation; see `Connection.metricLabels`. */
  labels?: MetricLabels;
}

/**
 * What a generation is called where metrics of it are collected.
 *
 * @public
 */
export interface MetricLabels {
  namespace?: string;
  /** What a router sends the generation's requests to. */
  service?: string;
  /** The Service of the whole target. */
  mainService?: string;
  /** What runs the generation's instances: their names begin with it. */
  workload?: string;
}

/** @public */
export interface MetricProvider {
  readonly id: string;
  metrics(): Array<{
    name: string;
    unit: 'ratio' | 'milliseconds' | 'count';
    description: string;
    /** Fewer samples say nothing reliable about such a value. Default 1. */
    minSamples?: number;
  }>;
  /** Never throws for missing or failing data: that is an outcome. */
  query(
    query: MetricQuery,
    signal: AbortSignal,
  ): Promise<{ outcome: MeasurementOutcome; query: string }>;
}

/** @public */
export interface LogProvider {
  /** `after` continues exactly where an earlier answer ended. Waits up to `waitMs` for news. */
  read(
    request: {
      target: TargetRef;
      instance?: string;
      /**
       * Only the lines of this generation. An adapter that cannot tell may
       * answer more; every line names its generation or its instance.
       */
      generation?: string;
      after?: string;
      limit: number;
      waitMs: number;
    },
    signal: AbortSignal,
  ): Promise<LogChunk>;
}

/**
 * Everything one environment's connection offers. The platform's configuration
 * names the connection; a repository cannot.
 *
 * @public
 */
export interface Connection {
  readonly type: string;
  readonly name: string;
  /** Shown on every page of the environment: "isolates nothing". */
  notices(): string[];
  renderers: Renderer[];
  workloads: Workloads;
  traffic: TrafficRouter;
  /** Absent: definitions with `hooks` are refused here. */
  jobs?: Jobs;
  objects?: PlanObjects;
  /** Strategies that another controller leads here. */
  delegated?: DelegatedRollout;
  live: LiveSource;
  operations?: Operations;
  metrics: MetricProvider[];
  /** For metric providers that do not come from the connection. */
  metricLabels?(
    target: TargetRef,
    generation: string,
    signal: AbortSignal,
  ): Promise<MetricLabels>;
  logs?: LogProvider;
  /**
   * Holds what the world gives us against what is needed, for one target;
   * asked for by people. Errors: none for what is missing, that is an answer.
   */
  check?(target: TargetRef, signal: AbortSignal): Promise<ConnectionCheck[]>;
  /** May the roles be told apart in the world already, so that names stay stable? */
  describeRole?(role: GenerationRole): string;
}

/** Makes connections of one type from the platform's configuration. @public */
export interface ConnectionFactory {
  readonly type: string;
  create(name: string): Promise<Connection>;
}
